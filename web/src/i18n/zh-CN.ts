import { merge, type Tree } from './merge'

const files = import.meta.glob<{ default: Tree }>(['./messages.zh-CN.json', '../pages/*/messages.zh-CN.json'], { eager: true })

export default merge(Object.values(files).map((file) => file.default))
