export type Tree = { [key: string]: string | Tree }

/** Puts later trees over earlier ones, branch by branch. */
export function merge(trees: Tree[]): Tree {
  const all: Tree = {}
  for (const tree of trees) {
    for (const [key, value] of Object.entries(tree)) {
      const there = all[key]
      all[key] = typeof value === 'object' && typeof there === 'object' ? merge([there, value]) : value
    }
  }
  return all
}
