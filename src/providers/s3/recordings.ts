import type { S3Client } from '@aws-sdk/client-s3'
import type { SessionProvider } from '../../domain/session.js'

export interface RecordingsConfig {
  /** Set while recording is enabled. */
  recording: { bucket: string; region: string } | undefined
  credentials: { accessKeyId: string; secretAccessKey: string; sessionToken?: string } | undefined
}

export interface RecordingPlace {
  location: string
  named_by: 'provider' | 'default'
  url?: string
  expires_in?: number
}

/** Life of a presigned URL, in seconds: long enough to watch, short enough to leak little. */
const expiresIn = 900

/** Where recordings lie, and how to read them. */
export function createRecordings({ recording, credentials }: RecordingsConfig) {
  let client: Promise<S3Client> | undefined

  async function presign(location: string): Promise<{ url: string; expires_in: number } | undefined> {
    const match = /^s3:\/\/([^/]+)\/(.+)$/.exec(location)
    if (!credentials || !recording || !match) return undefined
    // Loaded at the first use: the SDK is large, and most installations do not record.
    const [{ GetObjectCommand, S3Client: Client }, { getSignedUrl }] = await Promise.all([
      import('@aws-sdk/client-s3'),
      import('@aws-sdk/s3-request-presigner'),
    ])
    client ??= Promise.resolve(new Client({ region: recording.region, credentials }))
    const url = await getSignedUrl(await client, new GetObjectCommand({ Bucket: match[1], Key: match[2] }), {
      expiresIn,
    })
    return { url, expires_in: expiresIn }
  }

  return {
    /** The place that the provider named; until then the expected one, while recording is enabled at Tavus. */
    async locate(session: {
      recordingUrl: string | null
      conversationId: string
      provider: SessionProvider
    }): Promise<RecordingPlace | undefined> {
      const expected =
        recording && session.provider === 'tavus'
          ? `s3://${recording.bucket}/${session.conversationId}/recording.mp4`
          : undefined
      const location = session.recordingUrl ?? expected
      if (!location) return undefined
      return { location, named_by: session.recordingUrl ? 'provider' : 'default', ...(await presign(location)) }
    },
  }
}
