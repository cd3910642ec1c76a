import { createNotifyListener, type NotifyListener, type NotifyListenerOptions } from './notify-listener.js'
import { settlementChannel } from './receipt-settlements.js'

export type ReceiptListenerOptions = Pick<NotifyListenerOptions, 'url' | 'onMessage' | 'log' | 'reconnectMs'>

/** Hears what the workers of other processes did; while its connection is away, answers are 202. */
export const createReceiptListener = (options: ReceiptListenerOptions): NotifyListener =>
  createNotifyListener({ ...options, channel: settlementChannel, name: 'listener' })

export type ReceiptListener = NotifyListener
