import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

/**
 * The rules that need types. Biome formats, and has those that need none. Each rule that is switched off or softened
 * says why.
 */
export default defineConfig(
  // Generated, and laid out by their generators.
  { ignores: ['dist/**', 'src/base/schema-types.ts', 'src/base/schemas.ts'] },
  {
    files: ['{src,test,scripts,bench,bundles,examples}/**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        // A union that grows must show every switch without a default; one with a default has answered already.
        { considerDefaultExhaustiveForUnions: true },
      ],
      // Numbers sort as text unless they are told otherwise.
      '@typescript-eslint/require-array-sort-compare': 'error',
      // With noUncheckedIndexedAccess every index that a loop or a match has proved already needs its `!`.
      '@typescript-eslint/no-non-null-assertion': 'off',
      // Numbers, big integers and booleans print as one expects; objects and undefined do not.
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      // What was caught (or is the reason of a settled promise) can be anything, and is thrown again as it was.
      '@typescript-eslint/only-throw-error': [
        'error',
        { allowThrowingUnknown: true, allowThrowingAny: true },
      ],
      // Metadata that is edited is a JSON object; `delete` takes an entry out of it and reaches nothing inherited.
      '@typescript-eslint/no-dynamic-delete': 'off',
      // `() => stop()` is a call, not a value; a `return` of nothing is still found.
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      // `async` without `await` turns what a function throws into a rejection, as its callers expect.
      '@typescript-eslint/require-await': 'off',
      // Biome's noUnusedVariables and the compiler find these, and know that `_` means unused.
      '@typescript-eslint/no-unused-vars': 'off',
    },
  },
  {
    files: ['test/**/*.ts'],
    rules: {
      // vitest's matchers (`expect.stringContaining`) are `any`. Whatever reads such a value is still found.
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
);
