// Arrays as the protocol sends them, and small sums over them.

const TYPES = { float32: Float32Array, uint8: Uint8Array, int32: Int32Array };

/** {dtype, shape, data: base64} -> a typed array that also knows its shape. */
export function decode({ dtype, shape, data }) {
  const text = atob(data);
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return Object.assign(new TYPES[dtype](bytes.buffer), { shape });
}

/** The same value with every array in it decoded. */
export function decoded(value) {
  if (Array.isArray(value)) return value.map(decoded);
  if (value === null || typeof value !== "object") return value;
  if ("dtype" in value && "data" in value) return decode(value);
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, decoded(part)]));
}

export function mean(values) {
  let sum = 0;
  for (const value of values) sum += value;
  return sum / values.length;
}

/** The value below which the given share of the values lies. */
export function quantile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}

/** Between the numbers of a grid (rows, columns), whose first lies at (0, 0): bilinear. */
export function between(grid, row, column) {
  const [rows, columns] = grid.shape;
  const r = Math.min(Math.max(row, 0), rows - 1);
  const c = Math.min(Math.max(column, 0), columns - 1);
  const top = Math.min(Math.floor(r), rows - 2);
  const left = Math.min(Math.floor(c), columns - 2);
  const [down, right] = [r - top, c - left];
  const at = top * columns + left;
  const above = grid[at] * (1 - right) + grid[at + 1] * right;
  const below = grid[at + columns] * (1 - right) + grid[at + columns + 1] * right;
  return above * (1 - down) + below * down;
}
