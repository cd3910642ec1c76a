/** What a person could be known by, and what could be used in their name; none of it may stand in a log. */
export const planted = {
  name: 'Zebulon Quackenbush',
  email: 'zebulon.q@secret-mail.example',
  phone: '+14155550137',
  password: 'hunter2-correct-horse',
  token: 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ6ZWJ1bG9uIn0.c2VjcmV0LXNpZ25hdHVyZQ',
  speech: 'my name is Zebulon and I live at Quackenbush Lane',
}

/** However they are written. */
export const tracesOfPlanted =
  /zebulon|quackenbush|secret-mail|415[\s().-]{0,3}555[\s.-]{0,2}0137|hunter2|c2VjcmV0LXNpZ25hdHVyZQ|eyJzdWIiOiJ6ZWJ1bG9u/i

const { name, email, phone, password, token, speech } = planted

/** A body that no route wants, with everything in it, as values and as a name of a field. */
export const everything = {
  email,
  name,
  password,
  refresh_token: token,
  phone,
  note: `call ${name} on (415) 555-0137 or write to ${email}`,
  [name]: email,
  nested: { first_name: 'Zebulon', contacts: [{ email, phone }] },
}

export const query = new URLSearchParams({ email, name, phone, token, cursor: email, since: name }).toString()

export const headers = {
  'user-agent': `${name} <${email}>`,
  referer: `https://app.example/?email=${encodeURIComponent(email)}&token=${token}`,
  'x-forwarded-for': '203.0.113.7',
  'x-api-key': token,
  cookie: `session=${token}`,
  'idempotency-key': `${phone}-${Math.random()}`,
  from: email,
}

const json = (body: unknown) => ({ type: 'application/json', text: JSON.stringify(body) })
const form = (fields: Record<string, string>) => ({
  type: 'application/x-www-form-urlencoded',
  text: new URLSearchParams(fields).toString(),
})

/** A webhook of every provider that is about this person; `n` makes it an event of its own. */
export const webhooks = (n: number, { companyId, conversationId }: { companyId: string; conversationId: string }) => {
  const at = new Date(Date.UTC(2026, 2, 1, 10, 0, n)).toISOString()
  const callrail = {
    resource_id: `CAL${n}`,
    company_resource_id: 'COMplanted',
    start_time: at,
    timestamp: at,
    duration: '30',
    answered: true,
    direction: 'inbound',
    customer_name: name,
    customer_phone_number: phone,
    tracking_phone_number: '+15005550007',
    transcription: speech,
    note: email,
  }
  const call = { CallSid: `CAplanted${n}`, AccountSid: 'ACplanted', From: phone, To: '+15005550006', CallerName: name }
  const uwc = (more: object) =>
    json({
      job_id: `job-${n}`,
      company_id: companyId,
      status: 'completed',
      timestamp: at,
      data: { note: speech, ...more },
    })
  return {
    '/tavus/callback': json({
      message_type: 'application',
      event_type: 'application.transcription_ready',
      conversation_id: conversationId,
      timestamp: at,
      properties: { transcript: [{ role: 'user', content: speech }], email },
    }),
    '/webhooks/elevenlabs': json({
      type: 'post_call_transcription',
      event_timestamp: 1767225597 + n,
      data: {
        conversation_id: conversationId,
        user_id: email,
        status: 'done',
        transcript: [{ role: 'user', message: speech }],
        metadata: { start_time_unix_secs: 1767225530, call_duration_secs: 61 },
        analysis: { transcript_summary: speech },
      },
    }),
    '/api/webhooks/call_completed': {
      type: 'application/webhook+json',
      text: JSON.stringify({
        event: 'participant_left',
        id: `EV_planted${n}`,
        createdAt: '1767225597',
        room: { name: `room-${n}`, sid: `RM_${n}`, metadata: name },
        participant: { identity: phone, name, sid: `PA_${n}`, attributes: { email } },
      }),
    },
    '/webhooks/twilio/call': form({ ...call, CallStatus: 'completed', CallDuration: '12', SequenceNumber: '3' }),
    '/webhooks/twilio/sms': form({
      MessageSid: `SMplanted${n}`,
      AccountSid: 'ACplanted',
      From: phone,
      To: '+15005550006',
      Body: `${speech} ${email}`,
    }),
    '/webhooks/twilio/recording': form({
      ...call,
      RecordingSid: `REplanted${n}`,
      RecordingStatus: 'completed',
      RecordingUrl: `https://api.example/${encodeURIComponent(name)}.wav`,
    }),
    '/webhooks/callrail/pre-call': json(callrail),
    '/webhooks/callrail/call-complete': json(callrail),
    '/webhooks/callrail/call-modified': json({ ...callrail, lead_status: name }),
    '/webhooks/clerk': json({
      type: 'user.created',
      event_id: `evt_planted${n}`,
      timestamp: 1767225597000 + n,
      data: {
        id: `user_planted${n}`,
        first_name: 'Zebulon',
        last_name: 'Quackenbush',
        email_addresses: [{ id: 'e1', email_address: email }],
        primary_email_address_id: 'e1',
        phone_numbers: [{ phone_number: phone }],
        updated_at: 1767225597000 + n,
      },
    }),
    '/webhooks/bland': json({
      call_id: `bland-${n}`,
      c_id: `bland-${n}`,
      from: phone,
      to: '+15005550006',
      completed: true,
      status: 'completed',
      call_length: 1.5,
      concatenated_transcript: speech,
      summary: speech,
      variables: { name, email },
      metadata: { tenant_id: companyId, customer: name },
    }),
    '/webhooks/uwc/asr/complete': uwc({ transcript: speech, speaker: name }),
    '/webhooks/uwc/rag/indexed': uwc({}),
    '/webhooks/uwc/training/status': uwc({}),
    '/webhooks/uwc/analysis/complete': uwc({ summary: speech }),
    '/webhooks/uwc/followup/draft': uwc({ draft: speech, to: phone }),
  }
}
