/** Reading text/event-stream: pure parsing, so that it can be tested without a server. */

export interface StreamMessage {
  id: string | null
  event: string
  data: string
}

/**
 * Takes pieces of text as they arrive and gives back the messages that are complete.
 * Comments (heart-beats) make no message.
 */
export class StreamParser {
  private rest = ''
  private id: string | null = null
  private event = ''
  private data: string[] = []
  /** Milliseconds the server asks us to wait before reconnecting. */
  retry: number | null = null

  push(piece: string): StreamMessage[] {
    const messages: StreamMessage[] = []
    const lines = (this.rest + piece).split(/\r\n|\n|\r/)
    this.rest = lines.pop() ?? ''
    for (const line of lines) {
      const message = this.take(line)
      if (message) messages.push(message)
    }
    return messages
  }

  private take(line: string): StreamMessage | null {
    if (line === '') {
      const message = this.data.length > 0 ? { id: this.id, event: this.event || 'message', data: this.data.join('\n') } : null
      this.event = ''
      this.data = []
      return message
    }
    if (line.startsWith(':')) return null
    const colon = line.indexOf(':')
    const field = colon < 0 ? line : line.slice(0, colon)
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '')
    if (field === 'data') this.data.push(value)
    else if (field === 'event') this.event = value
    else if (field === 'id') this.id = value
    else if (field === 'retry' && /^\d+$/.test(value)) this.retry = Number(value)
    return null
  }
}

/** How long to wait before the n-th try: doubling from one second to half a minute, with some spread. */
export function backOff(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(30_000, 1_000 * 2 ** Math.max(0, attempt - 1))
  return Math.round(full * (0.75 + random() * 0.5))
}
