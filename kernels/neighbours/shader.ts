/** Rows and columns of a tile; a workgroup takes the rows of one tile through all columns. */
export const TILE_ROWS = 64;

/** Invocations in a workgroup; each has 4 x 4 products of a tile. */
const LANES = 256;

/** Dimensions that lie in workgroup memory at a time. */
const DEPTH = 16;

/** Words from one dimension to the next: one more than the 16 in use, so that writes meet no common bank. */
const PITCH = 17;

/**
 * The products of a tile of rows with one tile of columns after another. What is near is set in a bitmap, from
 * which the pass takes it in order.
 *
 * Reading past the end of a binding is no error in WGSL but gives some value of it: indices are checked.
 */
function walk(pass: {
  readonly declarations: string;
  readonly begin: string;
  readonly takeWord: string;
  readonly end: string;
}): string {
  return /* wgsl */ `
override dimensions: u32;
// Products from here on may be of neighbours, and below certainProduct they may not.
override leastProduct: f32;
override certainProduct: f32;
override markUncertain: bool = false;

@group(0) @binding(0) var<storage, read> rows: array<f32>;
@group(0) @binding(1) var<storage, read> vectors: array<f32>;
${pass.declarations}

// Four rows in a word, by dimension.
var<workgroup> left: array<vec4f, ${DEPTH * PITCH}>;
var<workgroup> right: array<vec4f, ${DEPTH * PITCH}>;
// One bit for each column, two words for each row.
var<workgroup> hits: array<atomic<u32>, ${2 * TILE_ROWS}>;
var<workgroup> uncertain: array<atomic<u32>, ${2 * TILE_ROWS}>;

fn row_value(row: u32, dimension: u32, end: u32) -> f32 {
  if (row >= end || dimension >= dimensions) {
    return 0.0;
  }
  return rows[row * dimensions + dimension];
}

fn column_value(column: u32, dimension: u32, end: u32) -> f32 {
  if (column >= end || dimension >= dimensions) {
    return 0.0;
  }
  return vectors[column * dimensions + dimension];
}

// Sets the bits of four neighbouring columns, the first of which is 4 * quad in the tile.
fn note(row: u32, quad: u32, products: vec4f, inside: vec4<bool>) {
  let powers = vec4u(1u, 2u, 4u, 8u);
  let near = select(vec4u(), powers, inside & (products >= vec4f(leastProduct)));
  let bits = near.x | near.y | near.z | near.w;
  if (bits == 0u) {
    return;
  }
  let word = 2u * row + quad / 8u;
  let shift = 4u * (quad % 8u);
  atomicOr(&hits[word], bits << shift);
  if (markUncertain) {
    let doubts = select(vec4u(), near, products < vec4f(certainProduct));
    atomicOr(&uncertain[word], (doubts.x | doubts.y | doubts.z | doubts.w) << shift);
  }
}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row_end = arrayLength(&rows) / dimensions;
  let column_end = arrayLength(&vectors) / dimensions;
  let top = (id.x + id.y * grid.x) * ${TILE_ROWS}u;
  if (top >= row_end) {
    return;
  }
  let x = lane % 16u;
  let y = lane / 16u;
  let takes = lane < ${TILE_ROWS}u && top + lane < row_end;
  ${pass.begin}
  for (var first = 0u; first < column_end; first += ${TILE_ROWS}u) {
    var products_0 = vec4f();
    var products_1 = vec4f();
    var products_2 = vec4f();
    var products_3 = vec4f();
    for (var depth = 0u; depth < dimensions; depth += ${DEPTH}u) {
      let row = top + 4u * y;
      let column = first + 4u * y;
      let dimension = depth + x;
      left[x * ${PITCH}u + y] = vec4f(
        row_value(row, dimension, row_end), row_value(row + 1u, dimension, row_end),
        row_value(row + 2u, dimension, row_end), row_value(row + 3u, dimension, row_end),
      );
      right[x * ${PITCH}u + y] = vec4f(
        column_value(column, dimension, column_end), column_value(column + 1u, dimension, column_end),
        column_value(column + 2u, dimension, column_end), column_value(column + 3u, dimension, column_end),
      );
      workgroupBarrier();
      for (var k = 0u; k < ${DEPTH}u; k++) {
        let a = left[k * ${PITCH}u + y];
        let b = right[k * ${PITCH}u + x];
        products_0 += a.x * b;
        products_1 += a.y * b;
        products_2 += a.z * b;
        products_3 += a.w * b;
      }
      workgroupBarrier();
    }
    let inside = (first + 4u * x + vec4u(0u, 1u, 2u, 3u)) < vec4u(column_end);
    note(4u * y, x, products_0, inside);
    note(4u * y + 1u, x, products_1, inside);
    note(4u * y + 2u, x, products_2, inside);
    note(4u * y + 3u, x, products_3, inside);
    workgroupBarrier();
    // The barriers of the next products keep its bits behind this.
    if (takes) {
      for (var word = 0u; word < 2u; word++) {
        var bits = atomicExchange(&hits[2u * lane + word], 0u);
        ${pass.takeWord}
      }
    }
  }
  ${pass.end}
}
`;
}

/** WGSL that counts the neighbours of each row. */
export const COUNT_NEIGHBOURS_SHADER: string = walk({
  declarations: `@group(0) @binding(2) var<storage, read_write> counts: array<u32>;`,
  begin: `var count = 0u;`,
  takeWord: `count += countOneBits(bits);`,
  end: `if (takes) {
    counts[top + lane] = count;
  }`,
});

/** WGSL that lists the neighbours of each row, ascending; with `markUncertain` the top bit says so. */
export const LIST_NEIGHBOURS_SHADER: string = walk({
  declarations: `@group(0) @binding(2) var<storage, read> offsets: array<u32>;
@group(0) @binding(3) var<storage, read_write> indices: array<u32>;`,
  begin: `var next = 0u;
  var end = 0u;
  if (takes) {
    next = offsets[top + lane];
    end = min(offsets[top + lane + 1u], arrayLength(&indices));
  }`,
  takeWord: `let doubts = atomicExchange(&uncertain[2u * lane + word], 0u);
        while (bits != 0u && next < end) {
          let bit = countTrailingZeros(bits);
          bits &= bits - 1u;
          indices[next] = (first + 32u * word + bit) | (((doubts >> bit) & 1u) << 31u);
          next++;
        }`,
  end: "",
});
