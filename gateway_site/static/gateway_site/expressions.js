"use strict";
// Reads and carries out the expressions in the admin's pages, so that no page needs eval. Unfold's pages are
// made with Alpine, which compiles what its attributes say by `new Function`; a content security policy that is
// worth having forbids that. Here is the part of JavaScript these pages use, and of its globals nothing but what
// GLOBALS names. What cannot be read is an error in the console; tests walk all pages.

document.addEventListener("alpine:init", () => Alpine.setEvaluator(evaluator));
htmx.config.allowEval = false;
htmx.config.includeIndicatorStyles = false; // they are in colors.css

const GLOBALS = {
  undefined: () => undefined,
  localStorage: () => localStorage,
  window: () => ({ location: window.location }),
  theme: () => theme,
  searchForm: () => searchForm,
  searchDropdown: () => searchDropdown,
  searchCommand: () => searchCommand,
  getCurrentTab: () => getCurrentTab,
  sortRecords: () => sortRecords,
  moveRecords: () => moveRecords,
};
const WAYS_OUT = new Set([
  "constructor", "prototype", "__proto__", "ownerDocument", "defaultView", "view", "contentWindow",
]);

/** Alpine's evaluator: what an expression, or a function that a script binds, comes to is received. */
function evaluator(element, expression) {
  const stack = [magics(element), ...Alpine.closestDataStack(element)];
  const run = typeof expression === "function" ? null : compiled(expression);
  return (receiver = () => {}, { scope = {}, params = [] } = {}) => {
    const names = Alpine.mergeProxies([scope, ...stack]);
    try {
      const value = run ? run(names) : expression.apply(names, params);
      receiver(run && typeof value === "function" ? value.apply(names, params) : value);
    } catch (error) {
      error.message += `, in "${expression}"`;
      setTimeout(() => { throw error; }, 0);
    }
  };
}

/** What is the element's own; the rest ($refs, $watch) is with the data around it. */
function magics(element) {
  const ways = { bubbles: true, composed: true, cancelable: true };
  const dispatch = (name, detail = {}) => element.dispatchEvent(new CustomEvent(name, { detail, ...ways }));
  return { $el: element, $dispatch: dispatch };
}

const read = new Map();

function compiled(expression) {
  if (!read.has(expression)) read.set(expression, new Reader(expression).all());
  return read.get(expression);
}

const TOKEN = new RegExp(
  String.raw`\s*(?:(?<number>\d+(?:\.\d+)?(?:e[+-]?\d+)?)` +
    String.raw`|(?<text>'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|(?<name>[A-Za-z_$][\w$]*)` +
    String.raw`|(?<sign>=>|===|!==|==|!=|<=|>=|&&|\|\||\?\?|\?\.|\+\+|--|\+=|-=|[-+*\/%<>=!?:;,.()[\]{}]))`,
  "y",
);

function tokens(expression) {
  const found = [];
  const end = expression.trimEnd().length;
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < end) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(expression);
    if (!match) throw new SyntaxError(`cannot read ${expression.slice(at)}`);
    const [kind, value] = Object.entries(match.groups).find(([, value]) => value !== undefined);
    found.push({ kind, value });
  }
  return found;
}

const ESCAPED = /\\(?:u([0-9a-fA-F]{4})|(.))/g;

function unquoted(text) {
  const signs = { n: "\n", r: "\r", t: "\t" };
  const meant = (_, code, sign) => (code ? String.fromCharCode(parseInt(code, 16)) : signs[sign] ?? sign);
  return text.slice(1, -1).replace(ESCAPED, meant);
}

const CONSTANTS = { true: true, false: false, null: null };
const UNARY = { "!": (a) => !a, "-": (a) => -a, "+": (a) => +a, typeof: (a) => typeof a };
const BINARY = [
  { "??": (a, b) => a() ?? b() },
  { "||": (a, b) => a() || b() },
  { "&&": (a, b) => a() && b() },
  {
    "===": (a, b) => a() === b(), "!==": (a, b) => a() !== b(),
    "==": (a, b) => a() == b(), "!=": (a, b) => a() != b(),
  },
  { "<": (a, b) => a() < b(), ">": (a, b) => a() > b(), "<=": (a, b) => a() <= b(), ">=": (a, b) => a() >= b() },
  { "+": (a, b) => a() + b(), "-": (a, b) => a() - b() },
  { "*": (a, b) => a() * b(), "/": (a, b) => a() / b(), "%": (a, b) => a() % b() },
];

/** Makes functions of expressions: each takes the names in sight and gives a value. */
class Reader {
  constructor(expression) {
    this.tokens = tokens(expression);
    this.at = 0;
  }

  // Statements.

  all() {
    const steps = this.statements();
    if (this.at < this.tokens.length) throw new SyntaxError(`unexpected ${this.peek()}`);
    return steps;
  }

  statements() {
    const steps = [];
    while (this.at < this.tokens.length && this.peek() !== "}") {
      if (!this.takes(";")) steps.push(this.statement());
    }
    return (names) => steps.reduce((_, step) => step(names), undefined);
  }

  statement() {
    if (!this.takes("if")) return this.ended(this.value());
    this.expect("(");
    const condition = this.closed(this.value(), ")");
    const then = this.branch();
    this.takes(";");
    const otherwise = this.takes("else") ? this.branch() : () => undefined;
    return (names) => (condition(names) ? then(names) : otherwise(names));
  }

  ended(found) {
    if (![undefined, ";", "}"].includes(this.peek())) throw new SyntaxError(`unexpected ${this.peek()}`);
    return found;
  }

  branch() {
    return this.takes("{") ? this.closed(this.statements(), "}") : this.statement();
  }

  // Values, from what binds least to what binds most.

  value() {
    const parameters = this.arrow();
    if (parameters) return this.body(parameters);
    const left = this.choice();
    for (const sign of ["=", "+=", "-="]) {
      if (this.takes(sign)) return this.assignment(left, sign);
    }
    return left;
  }

  /** The names before an arrow, if one comes. */
  arrow() {
    const rest = this.tokens.slice(this.at);
    const end = rest[0]?.value === "(" ? rest.findIndex((token) => token.value === ")") : 0;
    const [before, after] = [rest.slice(end ? 1 : 0, end || 1), rest[end + 1]];
    const isList = before.every((token) => token.kind === "name" || token.value === ",");
    if (end < 0 || after?.value !== "=>" || !isList) return null;
    this.at += end + 2;
    return before.filter((token) => token.kind === "name").map((token) => token.value);
  }

  body(parameters) {
    const result = this.value();
    return (names) => (...values) => {
      const own = Object.fromEntries(parameters.map((name, index) => [name, values[index]]));
      return result(Alpine.mergeProxies([own, names]));
    };
  }

  assignment(left, sign) {
    if (!left.write) throw new SyntaxError(`nothing to assign to before ${sign}`);
    const right = this.value();
    if (sign === "=") return (names) => left.write(names, right(names));
    const factor = sign === "+=" ? 1 : -1;
    return (names) => left.write(names, factor > 0 ? left(names) + right(names) : left(names) - right(names));
  }

  choice() {
    const condition = this.binary(0);
    if (!this.takes("?")) return condition;
    const then = this.closed(this.value(), ":");
    const otherwise = this.value();
    return (names) => (condition(names) ? then(names) : otherwise(names));
  }

  binary(level) {
    if (level === BINARY.length) return this.unary();
    let left = this.binary(level + 1);
    while (this.isSign() && Object.hasOwn(BINARY[level], this.peek())) {
      const apply = BINARY[level][this.next()];
      const [first, second] = [left, this.binary(level + 1)];
      left = (names) => apply(() => first(names), () => second(names));
    }
    return left;
  }

  unary() {
    if (Object.hasOwn(UNARY, this.peek() ?? "")) {
      const apply = UNARY[this.next()];
      const operand = this.unary();
      return (names) => apply(operand(names));
    }
    return this.counted(this.reached());
  }

  /** `count++` and `count--`. */
  counted(operand) {
    const step = this.takes("++") ? 1 : this.takes("--") ? -1 : 0;
    if (!step) return operand;
    return (names) => {
      const before = operand(names);
      operand.write(names, before + step);
      return before;
    };
  }

  /** What is reached by dots, brackets and calls. */
  reached() {
    let found = this.primary();
    for (;;) {
      if (this.takes(".")) found = member(found, constant(this.name()), false);
      else if (this.takes("?.")) found = member(found, constant(this.name()), true);
      else if (this.takes("[")) found = member(found, this.closed(this.value(), "]"), false);
      else if (this.takes("(")) found = call(found, this.list(")"));
      else return found;
    }
  }

  primary() {
    const { kind, value } = this.tokens[this.at] ?? {};
    if (this.takes("(")) return this.closed(this.value(), ")");
    if (this.takes("[")) return this.array();
    if (this.takes("{")) return this.object();
    if (kind === undefined || kind === "sign") throw new SyntaxError(`unexpected ${value ?? "end"}`);
    this.at += 1;
    if (kind === "number") return constant(Number(value));
    if (kind === "text") return constant(unquoted(value));
    return Object.hasOwn(CONSTANTS, value) ? constant(CONSTANTS[value]) : variable(value);
  }

  array() {
    const members = this.list("]");
    return (names) => members.map((each) => each(names));
  }

  object() {
    const entries = [];
    while (!this.takes("}")) {
      const { kind, value } = this.tokens[this.at++] ?? {};
      const key = kind === "text" ? unquoted(value) : value;
      entries.push([key, this.takes(":") ? this.value() : variable(key)]);
      if (this.peek() !== "}") this.expect(",");
    }
    return (names) => Object.fromEntries(entries.map(([key, value]) => [key, value(names)]));
  }

  list(end) {
    const members = [];
    while (!this.takes(end)) {
      members.push(this.value());
      if (this.peek() !== end) this.expect(",");
    }
    return members;
  }

  // Tokens.

  peek() {
    return this.tokens[this.at]?.value;
  }

  isSign() {
    return this.tokens[this.at]?.kind === "sign";
  }

  next() {
    return this.tokens[this.at++].value;
  }

  name() {
    if (this.tokens[this.at]?.kind !== "name") throw new SyntaxError(`a name was expected, not ${this.peek()}`);
    return this.next();
  }

  takes(value) {
    if (this.peek() !== value) return false;
    this.at += 1;
    return true;
  }

  expect(value) {
    if (!this.takes(value)) throw new SyntaxError(`${value} was expected, not ${this.peek() ?? "the end"}`);
  }

  closed(found, end) {
    this.expect(end);
    return found;
  }
}

function constant(value) {
  return () => value;
}

function variable(name) {
  const found = (names) => {
    if (name in names) return names[name];
    if (Object.hasOwn(GLOBALS, name)) return GLOBALS[name]();
    throw new ReferenceError(`${name} is not known`);
  };
  found.owner = (names) => names;
  found.write = (names, value) => (names[name] = value);
  return found;
}

function member(owner, key, optional) {
  const reach = (of, names) => (optional && of == null ? undefined : of[allowed(key(names))]);
  const found = (names) => reach(owner(names), names);
  found.owner = owner;
  found.reach = reach;
  found.write = (names, value) => (owner(names)[allowed(key(names))] = value);
  return found;
}

function call(callee, given) {
  return (names) => {
    const owner = callee.owner ? callee.owner(names) : undefined;
    const found = callee.reach ? callee.reach(owner, names) : callee(names);
    return found.apply(owner, given.map((each) => each(names)));
  };
}

function allowed(key) {
  if (WAYS_OUT.has(String(key))) throw new TypeError(`${key} is out of reach`);
  return key;
}
