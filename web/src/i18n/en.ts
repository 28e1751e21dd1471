import { merge, type Tree } from './merge'

const files = import.meta.glob<{ default: Tree }>(['./messages.en.json', '../pages/*/messages.en.json'], { eager: true })

export default merge(Object.values(files).map((file) => file.default))
