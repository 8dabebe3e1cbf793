// Package logs is the CloudWatch Logs service: groups, streams, events, and how
// to read, filter and keep them. What it promises:
//
//   - A batch of events is stored whole or not at all, and is on disk when
//     PutLogEvents has answered.
//   - Readers see the events of a stream in the order of their timestamps, and
//     those of equal time in the order in which they came.
//   - What is past its group's retention is gone for readers at once, and from
//     the disk soon after; what a deleted group held is gone likewise.
package logs
