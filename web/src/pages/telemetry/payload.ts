/** A refused message made readable: JSON with line breaks when it is JSON, else as it came, with what cannot be seen shown. */
export function readable(payload: string): { text: string; json: boolean } {
  const trimmed = payload.trim()
  if (/^[[{"]/.test(trimmed)) {
    try {
      return { text: JSON.stringify(JSON.parse(trimmed), null, 2), json: true }
    } catch {
      // Cut off or not JSON: shown as it came.
    }
  }
  return { text: visible(payload), json: false }
}

/** Control characters and marks that turn the direction of writing as their code points, so that nothing hides. */
export function visible(text: string): string {
  // eslint-disable-next-line no-control-regex
  return text.replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2066-\u2069]/g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** The key of the advice for a reason; reasons hold dots, which the message files use for branches. */
export function hintKey(reason: string, exists: (key: string) => boolean): string {
  const key = `telemetry.hint.${reason.replaceAll('.', '_')}`
  return exists(key) ? key : 'telemetry.hint.other'
}
