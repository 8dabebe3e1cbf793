package audit

import (
	"os"
	"path/filepath"
	"testing"
)

// What an audited call pays, beside a write(2) of as many bytes and nothing else.
func BenchmarkAppend(b *testing.B) {
	b.Run("alone", func(b *testing.B) {
		l := must1(Open(b.TempDir(), nil, testKeys()))(b)
		rec := call(1)
		for b.Loop() {
			must0(b, l.Append(rec))
		}
		must0(b, l.Close())
	})
	b.Run("16-appenders", func(b *testing.B) {
		l := must1(Open(b.TempDir(), nil, testKeys()))(b)
		b.SetParallelism(16)
		b.RunParallel(func(pb *testing.PB) {
			rec := call(1)
			for pb.Next() {
				must0(b, l.Append(rec))
			}
		})
		must0(b, l.Close())
	})
	b.Run("write", func(b *testing.B) {
		f := must1(os.Create(filepath.Join(b.TempDir(), "f")))(b)
		bytes := appendEntry(nil, 0, [32]byte{}, testKeys().Seal(sealTable, indexKey(0), encode(call(1), 0)))
		b.ReportMetric(float64(len(bytes)), "bytes/record")
		for b.Loop() {
			must1(f.Write(bytes))(b)
		}
		must0(b, f.Close())
	})
}

// A start and an orderly stop on a log of 200,000 records; the length makes no
// difference (TestOpenReadsOnlyBehindTheLastCheckpoint).
func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	l := must1(Open(dir, nil, testKeys()))(b)
	for range 200_000 {
		must0(b, l.Append(call(1)))
	}
	must0(b, l.Close())
	for b.Loop() {
		must0(b, must1(Open(dir, nil, testKeys()))(b).Close())
	}
}

// BenchmarkVerify measures records verified, with and without opening them.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	l := must1(Open(dir, nil, testKeys()))(b)
	for range 20_000 {
		must0(b, l.Append(call(1)))
	}
	must0(b, l.Close())
	for name, opts := range map[string]VerifyOptions{"integrity": {Dir: dir}, "opened": {Dir: dir, Keys: testKeys()}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				must1(Verify(b.Context(), opts))(b)
			}
			b.ReportMetric(float64(b.N)*20_000/b.Elapsed().Seconds(), "records/s")
		})
	}
}
