import { readdirSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import ts from 'typescript';

/** A place where a name that may come from outside is looked up in (or written to) an object with a prototype. */
export interface OpenLookup {
  /** `src/…/file.ts:12` */
  readonly at: string;
  readonly code: string;
}

/**
 * Every `object[name]`, `name in object` and `{ [name]: x } = object` whose name can be any text (a cast does not close
 * it), unless the object has no prototype (`Table`), or the function asks `Object.hasOwn` about the same name, or the
 * name comes from the object's own `Object.keys`. Besides, `Reflect` and `Object.assign` from anything but an object
 * literal: both would set a prototype.
 */
export function openLookups(files: readonly string[]): OpenLookup[] {
  const { config } = ts.readConfigFile('tsconfig.json', (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent({ ...config, include: [] }, ts.sys, resolve('.'));
  const program = ts.createProgram([...files], { ...options, noEmit: true });
  const checker = program.getTypeChecker();
  const found: OpenLookup[] = [];
  for (const file of files) {
    const source = program.getSourceFile(file)!;
    const report = (node: ts.Node) => {
      const { line } = source.getLineAndCharacterOfPosition(node.getStart(source));
      found.push({
        at: `${relative('.', file).replaceAll('\\', '/')}:${line + 1}`,
        code: node.getText(source),
      });
    };
    const visit = (node: ts.Node): void => {
      const lookup = lookupIn(node);
      if (lookup ? !isSafe(lookup, checker) : setsAnyName(node)) report(node);
      ts.forEachChild(node, visit);
    };
    visit(source);
  }
  return found;
}

/** The files of `src/`. */
export function sourceFiles(): string[] {
  return readdirSync('src', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => join('src', file));
}

interface Lookup {
  /** `undefined` where only a closed name will do. */
  readonly object: ts.Expression | undefined;
  readonly name: ts.Expression;
}

function lookupIn(node: ts.Node): Lookup | undefined {
  if (ts.isElementAccessExpression(node)) return { object: node.expression, name: node.argumentExpression };
  if (ts.isBinaryExpression(node) && node.operatorToken.kind === ts.SyntaxKind.InKeyword)
    return ts.isPrivateIdentifier(node.left) ? undefined : { object: node.right, name: node.left };
  if (ts.isBindingElement(node) && node.propertyName && ts.isComputedPropertyName(node.propertyName))
    return { object: undefined, name: node.propertyName.expression };
  return undefined;
}

function setsAnyName(node: ts.Node): boolean {
  if (!ts.isCallExpression(node)) return false;
  const called = node.expression.getText();
  if (/^Reflect\.(?:get|set|has)$/.test(called)) return true;
  const [target, ...sources] = node.arguments;
  if (called !== 'Object.assign' || textOf(target!) === 'Object.create(null)') return false;
  return !sources.every(ts.isObjectLiteralExpression);
}

function isSafe({ object, name }: Lookup, checker: ts.TypeChecker): boolean {
  if (isClosed(checker.getTypeAtLocation(bare(name)), checker)) return true;
  if (!object) return false;
  return (
    checker.getTypeAtLocation(object).aliasSymbol?.name === 'Table' ||
    isGuarded(object, name) ||
    isOwnName(object, name, checker)
  );
}

const CLOSED =
  ts.TypeFlags.StringLiteral |
  ts.TypeFlags.NumberLike |
  ts.TypeFlags.BigIntLike |
  ts.TypeFlags.ESSymbolLike |
  ts.TypeFlags.Undefined;

/** Whether a name is one of a known few, a number or a symbol. */
function isClosed(type: ts.Type, checker: ts.TypeChecker): boolean {
  if (type.isUnion()) return type.types.every((part) => isClosed(part, checker));
  if (type.flags & (ts.TypeFlags.TypeParameter | ts.TypeFlags.Index | ts.TypeFlags.IndexedAccess)) {
    const constraint = checker.getBaseConstraintOfType(type);
    return constraint !== undefined && constraint !== type && isClosed(constraint, checker);
  }
  return (type.flags & CLOSED) !== 0;
}

const bare = (node: ts.Expression): ts.Expression =>
  ts.isParenthesizedExpression(node) || ts.isAsExpression(node) || ts.isNonNullExpression(node)
    ? bare(node.expression)
    : node;
const textOf = (node: ts.Expression): string => bare(node).getText();

/** Whether the function asks `Object.hasOwn(object, name)`. */
function isGuarded(object: ts.Expression, name: ts.Expression): boolean {
  const scope = ts.findAncestor(object, (node) => ts.isFunctionLike(node)) ?? object.getSourceFile();
  const [of, called] = [textOf(object), textOf(name)];
  let guarded = false;
  const visit = (node: ts.Node): void => {
    if (ts.isCallExpression(node) && node.expression.getText() === 'Object.hasOwn')
      guarded ||= textOf(node.arguments[0]!) === of && textOf(node.arguments[1]!) === called;
    if (node === scope || !ts.isFunctionLike(node)) ts.forEachChild(node, visit);
  };
  visit(scope);
  return guarded;
}

/** Whether the name is a variable of a loop over `Object.keys(object)`, or over an array of them. */
function isOwnName(object: ts.Expression, name: ts.Expression, checker: ts.TypeChecker): boolean {
  const symbol = checker.getSymbolAtLocation(bare(name));
  const declared = symbol?.valueDeclaration;
  const loop = declared && ts.findAncestor(declared, ts.isForOfStatement);
  if (!loop || !ts.isVariableDeclaration(declared) || declared.parent !== loop.initializer) return false;
  const isKeys = (node: ts.Expression) =>
    ts.isCallExpression(node) &&
    node.expression.getText() === 'Object.keys' &&
    textOf(node.arguments[0]!) === textOf(object);
  if (isKeys(loop.expression)) return true;
  const list = checker.getSymbolAtLocation(loop.expression)?.valueDeclaration;
  return (
    list !== undefined &&
    ts.isVariableDeclaration(list) &&
    list.initializer !== undefined &&
    isKeys(list.initializer)
  );
}
