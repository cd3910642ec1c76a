import { randomUUID } from 'node:crypto'
import { analysis, recordingOf } from './artefacts.js'
import type { Callbacks } from './callbacks.js'
import { isoMicros } from './clock.js'
import type { Config } from './config.js'
import type { CallbackEvent, Conversation, Step } from './conversation.js'
import type { Conversations } from './conversations.js'
import type { CreateRequest } from './create-request.js'
import { firstSteps, newConversation } from './new-conversation.js'
import type { Random } from './random.js'
import { createSchedule } from './schedule.js'
import { transcriptOf } from './transcript.js'

export interface LifecycleDeps {
  config: Config
  conversations: Conversations
  callbacks: Callbacks
  random: Random
  now: () => number
  /** Somebody looks at the room's page. */
  onChange: (conversation: Conversation) => void
}

/** What happens to conversations, whoever causes it: the API, the people in the room, or time. */
export function createLifecycle({ config, conversations, callbacks, random, now, onChange }: LifecycleDeps) {
  const schedule = createSchedule(conversations, takeStep)
  /** Choices of one phase of one conversation, whatever happens to the others. */
  const randomOf = (seq: number, phase: 'begin' | 'end' | 'talk') =>
    random.fork(seq * 3 + ['begin', 'end', 'talk'].indexOf(phase))

  function emit(conversation: Conversation, event: { type: string; properties: Record<string, unknown>; at?: number }) {
    const recorded: CallbackEvent = {
      message_type: event.type.startsWith('system.') ? 'system' : 'application',
      event_type: event.type,
      conversation_id: conversation.id,
      webhook_url: conversation.callbackUrl,
      timestamp: isoMicros(event.at ?? now()),
      properties: {
        [conversation.traits.renamed ? 'face_id' : 'replica_id']: conversation.replicaId,
        ...event.properties,
      },
    }
    conversations.addEvent(conversation, recorded)
    return callbacks.deliver(conversation, recorded)
  }

  function takeStep(conversation: Conversation, step: Step): void {
    switch (step) {
      case 'join':
        return void avatarJoins(conversation)
      case 'absent':
        return end(conversation, 'participant_absent_timeout')
      case 'left':
        return end(conversation, 'participant_left_timeout')
      case 'max':
        return end(conversation, 'max_call_duration')
      case 'shutdown':
        return tellShutdown(conversation)
      case 'transcript':
        return tellTranscript(conversation, now())
      case 'recording':
        return void emit(conversation, { type: 'application.recording_ready', properties: recordingOf(conversation) })
      case 'perception':
        return void emit(conversation, { type: 'application.perception_analysis', properties: { analysis } })
    }
  }

  function tellShutdown(conversation: Conversation): void {
    const at = conversation.endedAt ?? now()
    // Seen before the shutdown in the official verbose example, after it in that of the callbacks.
    if (conversation.traits.transcriptFirst) tellTranscript(conversation, at - 1)
    void emit(conversation, {
      type: 'system.shutdown',
      properties: { shutdown_reason: conversation.shutdownReason },
      at,
    })
  }

  function tellTranscript(conversation: Conversation, at: number): void {
    void emit(conversation, {
      type: 'application.transcription_ready',
      properties: { transcript: transcript(conversation) },
      at,
    })
  }

  /** One joining, told under its new and its old name with the same time and payload. */
  async function avatarJoins(conversation: Conversation): Promise<void> {
    const at = now()
    conversations.update(conversation, { joinedAt: at, updatedAt: at })
    onChange(conversation)
    const types = ['system.replica_joined', 'system.pal_joined']
    await Promise.all(types.map((type) => emit(conversation, { type, properties: {}, at })))
  }

  function transcript(conversation: Conversation) {
    const talked = conversation.humanJoinedAt !== null || config.assume_human
    return transcriptOf(conversation, talked, randomOf(conversation.seq, 'talk'))
  }

  function end(conversation: Conversation, reason: string): void {
    if (conversation.status === 'ended') return
    const { traits } = conversation
    const endedAt = now()
    schedule.cancel(conversation, ['join', 'absent', 'left', 'max'])
    const suffix = traits.reachedSuffix && /(_timeout|^max_call_duration)$/.test(reason) ? ' reached' : ''
    conversations.update(conversation, {
      status: 'ended',
      endedAt,
      updatedAt: endedAt,
      shutdownReason: reason + suffix,
    })
    schedule.plan(conversation, lastSteps(conversation))
    onChange(conversation)
  }

  function lastSteps(conversation: Conversation): Partial<Record<Step, number>> {
    const draw = randomOf(conversation.seq, 'end')
    const shutdown = draw.between(config.shutdown_delay_ms)
    const after = draw.between(config.transcript_delay_ms)
    const { joinedAt, recording, traits } = conversation
    return {
      shutdown,
      ...(traits.transcriptFirst ? {} : { transcript: shutdown + after }),
      ...(recording && joinedAt ? { recording: shutdown + draw.between(config.recording_delay_ms) } : {}),
      ...(traits.perception && joinedAt ? { perception: shutdown + draw.between(config.perception_delay_ms) } : {}),
    }
  }

  return {
    /** Creates one, and answers it when it may be told to the client. */
    async create(request: CreateRequest): Promise<Conversation> {
      const seq = conversations.nextSeq()
      const draw = randomOf(seq, 'begin')
      const conversation = newConversation({ request, seq, createdAt: now(), random: draw, config })
      conversations.insert(conversation)
      if (conversation.status === 'active') {
        const { join = 0, ...later } = firstSteps(conversation, draw, config)
        schedule.plan(conversation, config.callback_before_answer ? later : { join, ...later })
        if (config.callback_before_answer) await avatarJoins(conversation)
      }
      conversations.flush()
      return conversation
    },
    end(conversation: Conversation, reason: string): void {
      end(conversation, reason)
      conversations.flush()
    },
    countEndCall: (conversation: Conversation) =>
      conversations.update(conversation, { endCalls: conversation.endCalls + 1 }),
    delete(conversation: Conversation): void {
      end(conversation, 'daily_room_has_been_deleted')
      conversations.update(conversation, { deletedAt: now() })
      conversations.flush()
    },
    emit,
    /** A person enters; the same one may come back under the id it got. */
    enter(conversation: Conversation, participant: string = randomUUID()): string {
      const { participants, humanJoinedAt } = conversation
      if (!participants.includes(participant)) {
        conversations.update(conversation, {
          participants: [...participants, participant],
          humanJoinedAt: humanJoinedAt ?? now(),
        })
        schedule.cancel(conversation, ['absent', 'left'])
        onChange(conversation)
      }
      return participant
    },
    /** The last person who leaves starts the clock of participant_left_timeout. */
    leave(conversation: Conversation, participant: string | undefined): void {
      const rest = participant === undefined ? [] : conversation.participants.filter((other) => other !== participant)
      if (conversation.status === 'ended' || rest.length === conversation.participants.length) return
      conversations.update(conversation, { participants: rest })
      if (rest.length === 0) schedule.plan(conversation, { left: conversation.leftSeconds * 1000 })
      onChange(conversation)
    },
    resume: (conversation: Conversation) => schedule.resume(conversation),
    clear: () => schedule.clear(),
  }
}

export type Lifecycle = ReturnType<typeof createLifecycle>
