import { cookie } from '@/api/client'
import { networkProblem, problemFrom } from '@/api/problem'

export interface Uploaded {
  id: string
  width: number
  height: number
}

/** Largest photo that the server takes as it is installed; what is larger is refused before it travels. */
export const LARGEST_PHOTO = 12_000_000
export const PHOTO_TYPES = ['image/jpeg', 'image/png', 'image/webp']

/** Sends one photo and tells how far it is (0 to 1). Fetch cannot tell that, so this goes the older way. */
export function uploadPhoto(file: File, language: string, onProgress: (share: number) => void, signal: AbortSignal): Promise<Uploaded> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const form = new FormData()
    form.append('file', file)
    request.open('POST', '/api/v1/photos')
    request.responseType = 'text'
    request.setRequestHeader('Accept', 'application/json')
    request.setRequestHeader('Accept-Language', language)
    const token = cookie('cy_csrf')
    if (token) request.setRequestHeader('X-CSRF-Token', token)
    request.upload.onprogress = (event) => event.lengthComputable && onProgress(event.loaded / event.total)
    request.onerror = () => reject(networkProblem())
    request.onabort = () => reject(new DOMException('stopped', 'AbortError'))
    request.onload = () => {
      let body: unknown = null
      try {
        body = JSON.parse(request.responseText)
      } catch {
        // A proxy answered in its own words; the status says enough.
      }
      if (request.status >= 200 && request.status < 300 && body) resolve(body as Uploaded)
      else reject(problemFrom(request.status, body))
    }
    signal.addEventListener('abort', () => request.abort())
    request.send(form)
  })
}
