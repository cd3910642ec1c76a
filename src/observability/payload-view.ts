import { createRedactor } from './redact.js'

/** A stored webhook as a person may look at it. */
export interface PayloadView {
  format: 'json' | 'form' | 'other'
  bytes: number
  /** Parsed and masked; null for what is neither JSON nor a form. */
  body: unknown
}

/** Fields in which providers send what a person said, and who it was, beside those that are masked in logs. */
const moreKeys = (
  'from to caller called callername customernumber formattedcustomername formattedcustomernameorphonenumber ' +
  'formattedcallername formattedcustomerphonenumber formattedtrackingphonenumber formattedbusinessphonenumber ' +
  'callernum destinationnum customerphonenumber emailaddresses phonenumbers externalaccounts web3wallets ' +
  'body text note notes summary transcription conversationaltranscript concatenatedtranscript correctedtranscript ' +
  'transcripts transcripttext transcriptsummary callsummary callhighlights speechresult digits keypadentries ' +
  'draft subject segments words variables requestdata dynamicvariables publicmetadata privatemetadata unsafemetadata ' +
  'city zip customercity customerstate customerzip fromcity fromzip fromstate tocity tozip tostate ' +
  'callercity callerzip callerstate calledcity calledzip calledstate visualanalysis useraudiotranscript'
).split(' ')

const redactor = createRedactor({ personal: true, moreKeys })

/** The headers that were kept, masked. */
export const headersView = (headers: Record<string, string>): Record<string, unknown> => redactor.fields(headers)

/** The body with secrets and personal data masked, whatever OBS_REDACT_PII says. */
export function payloadView(payload: Buffer, headers: Readonly<Record<string, string>>): PayloadView {
  const bytes = payload.length
  const text = payload.toString('utf8')
  const json = asObject(text)
  if (json !== undefined) return { format: 'json', bytes, body: redactor.value(json) }
  if (isForm(text, headers['content-type'])) return { format: 'form', bytes, body: redactor.fields(formFields(text)) }
  return { format: 'other', bytes, body: null }
}

function asObject(text: string): object | undefined {
  try {
    const parsed: unknown = JSON.parse(text)
    return typeof parsed === 'object' && parsed !== null ? parsed : undefined
  } catch {
    return undefined
  }
}

const isForm = (text: string, contentType = '') =>
  contentType.toLowerCase().includes('x-www-form-urlencoded') || /^[\w.%+-]+=[^\s<>]*$/.test(text)

/** A name that comes several times has all its values. */
function formFields(text: string): Record<string, string | string[]> {
  const form = new URLSearchParams(text)
  const names = [...new Set(form.keys())]
  return Object.fromEntries(
    names.map((name) => {
      const [value = '', ...more] = form.getAll(name)
      return [name, more.length === 0 ? value : [value, ...more]]
    }),
  )
}
