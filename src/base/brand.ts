declare const brand: unique symbol;

/**
 * A `Base` that the compiler does not mix up with others: an instant is no length of time, a digest no key id. At run
 * time it is the bare value. Where a base is wanted any brand will do; the other way round only the function that
 * checks or makes such a value gives one, and it stands in the same file as its brand.
 */
export type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };
