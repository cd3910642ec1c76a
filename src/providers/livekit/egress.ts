import type { CallFact } from '../../domain/call.js'
import { type Fields, fieldsOf } from '../json.js'
import { secondsFrom, textOf } from './proto-json.js'

/** egress_ended comes for every end: these are the ones that may have left a file (livekit_egress.proto, EgressStatus). */
const usable: ReadonlySet<unknown> = new Set(['EGRESS_COMPLETE', 'EGRESS_LIMIT_REACHED'])
/** A column of text takes no NUL, and a console shows the address as a link. */
const location = /^(https?|s3|gs|az|azure):\/\/[^\s\0]{1,2000}$/i

/** The recordings that an egress left behind, and how it ended. */
export function egressFacts(value: unknown, at: string): CallFact[] {
  const egress = fieldsOf(value)
  const id = textOf(egress.egressId, 100) ?? 'egress'
  const status = textOf(egress.status, 60) ?? 'EGRESS_STARTING'
  const error = textOf(egress.error, 500)
  return [
    { type: 'details', at, metadata: { egress: { [id]: { status, ...(error !== undefined && { error }) } } } },
    ...(usable.has(status) ? filesOf(egress).flatMap(recording) : []),
  ]
}

/** Older servers have one `file` in the place of the list; some send both. */
function filesOf({ fileResults, segmentResults, file, segments }: Fields): Fields[] {
  const lists = [fileResults, segmentResults].flatMap((list) => (Array.isArray(list) ? (list as unknown[]) : []))
  return [...lists, file, segments].map(fieldsOf)
}

function recording({ location: file, playlistLocation, duration }: Fields): CallFact[] {
  const url = [file, playlistLocation].find((one) => typeof one === 'string' && location.test(one))
  if (typeof url !== 'string') return []
  const durationSeconds = secondsFrom(duration)
  return [{ type: 'recording', url, ...(durationSeconds !== undefined && { durationSeconds }) }]
}
