// Package lambda is the Lambda service: functions, versions, aliases, layers,
// permissions, and their invocation. What it promises:
//
//   - A function gets a role only from a caller who may pass it
//     (iam:PassRole), and only if Lambda may assume it.
//   - An asynchronous invocation that was accepted is on disk; it is retried
//     as AWS retries it and survives a restart.
//   - Code lies sealed in the blob store and is unpacked in memory only.
//   - What this node cannot do (networks, images, file systems, …) is refused
//     when it is asked for, never ignored.
//
// Control operations are here; running functions is the room below, invoke.
package lambda
