package main

import (
	"errors"
	"fmt"
	"os"

	"cloister/bench/lab"
	"cloister/bench/load"
	"cloister/bench/report"
)

// keys measures KMS and Secrets Manager over TLS.
func keys(b *bench) (*report.Section, error) {
	s := &report.Section{
		Title: "Keys and secrets",
		Method: "16 clients over loopback TLS, connections kept alive. 96 bytes are encrypted and decrypted, and secrets of 96 characters read, 16 in turn. Cloister as it comes: TLS, an IAM user with 10 policies of 5 statements, each request signed, every call audited. " +
			"Vault 1.21.3: its own core and HTTP handler (`bench/vault`, without the plugins that are not asked for), raft storage on one node, TLS, a user of userpass with 10 policies of 5 paths, transit with aes256-gcm96 and KV v2; with a file audit device, as is fair, and without. " +
			"moto_server, as it is installed, speaks plain HTTP and checks no signature; where 1 client gets more out of it than 16, that is what counts. Every answer is checked, and one of each side's ciphertexts is opened in the end. " +
			"GenerateDataKey is asked for 1,000 times a second whether or not answers keep up, and a latency counts from when the request was due. GetCallerIdentity is what TLS, the signature, the decision and the audit take, with next to nothing behind them. Rounds in turns.",
	}
	err := b.withTLSNode(func(node *lab.Process, root *lab.Client, user lab.Key) error {
		ours, err := lab.AWSKeeper(root, user, true)
		if err != nil {
			return err
		}
		peers, err := b.keyPeers(s, user)
		if err == nil {
			err = b.keyRounds(s, keeping{"Cloister", node, ours, nil}, peers)
		}
		if err == nil {
			err = b.dataKeys(s, ours)
		}
		if err == nil {
			err = b.door(s, node, user)
		}
		for _, p := range peers {
			if p.Keeper != nil {
				p.Close()
				err = errors.Join(err, p.process.Stop())
			}
		}
		return err
	})
	return s, err
}

// keeping is a server of keys and secrets, under the name it has in the table.
type keeping struct {
	name    string
	process *lab.Process
	*lab.Keeper
	target *report.Target
}

// keyCalls are what is measured at each.
var keyCalls = []struct {
	name string
	of   func(keeping) *load.Target
}{
	{"Encrypt", func(k keeping) *load.Target { return k.Encrypt }},
	{"Decrypt", func(k keeping) *load.Target { return k.Decrypt }},
	{"GetSecretValue", func(k keeping) *load.Target { return k.Read }},
}

const moto = "moto_server"

// keyPeers starts what can be started of the peers; a note says what cannot.
func (b *bench) keyPeers(s *report.Section, user lab.Key) (peers []keeping, err error) {
	for _, v := range []struct {
		name  string
		audit bool
		*report.Target
	}{
		{"Vault", true, &report.Target{OfRatio: true, AtLeast: 2}},
		{"Vault, no audit", false, nil},
	} {
		p, err := b.vault(v.audit)
		if errors.Is(err, lab.ErrNoVault) {
			if v.audit {
				s.Note("Vault: not measured: %s.", err)
				peers = append(peers, keeping{name: v.name, target: v.Target})
			}
			continue
		}
		if err != nil {
			return peers, err
		}
		p.name, p.target = v.name, v.Target
		peers = append(peers, p)
	}
	p, err := b.motoKeeper(user)
	if errors.Is(err, lab.ErrNoMoto) {
		s.Note("%s: not measured: %s.", moto, err)
		err = nil
	}
	p.name, p.target = moto, &report.Target{OfRatio: true, AtLeast: 20}
	return append(peers, p), err
}

func (b *bench) vault(audit bool) (keeping, error) {
	dir, err := os.MkdirTemp(b.work, "vault-")
	if err != nil {
		return keeping{}, err
	}
	process, err := lab.StartVault(b.ctx, b.tools, dir)
	if err != nil {
		return keeping{}, err
	}
	k, err := lab.VaultKeeper(process.Address, dir, audit)
	if err != nil {
		return keeping{}, errors.Join(err, process.Stop())
	}
	return keeping{process: process, Keeper: k}, nil
}

func (b *bench) motoKeeper(user lab.Key) (keeping, error) {
	process, err := lab.Moto(b.ctx)
	if err != nil {
		return keeping{}, err
	}
	root := lab.Root(process.Address)
	k, err := lab.AWSKeeper(root, user, false)
	if err != nil {
		return keeping{}, errors.Join(fmt.Errorf("%s: %w", moto, err), process.Stop())
	}
	return keeping{process: process, Keeper: k}, nil
}

// keyRounds measures each call at all that are there.
func (b *bench) keyRounds(s *report.Section, ours keeping, peers []keeping) error {
	for _, call := range keyCalls {
		sides := []side{{call.of(ours), ours.process}}
		for _, p := range peers {
			if p.Keeper != nil {
				sides = append(sides, side{call.of(p), p.process})
			}
		}
		t, err := b.turns(cells, sides...)
		if err != nil {
			return fmt.Errorf("%s: %w", call.name, err)
		}
		at := 0
		for _, p := range peers {
			if p.Keeper == nil {
				s.Rows = append(s.Rows, report.Row{What: call.name, Ours: perSecond.figure(t[0]), Beside: p.name, Peer: &report.Figure{}, Target: p.target})
				continue
			}
			at++
			if p.name == moto {
				if t[at], err = b.better(t[at], sides[at]); err != nil {
					return err
				}
			}
			s.Rows = append(s.Rows, t.row(call.name, at, p.name, perSecond, p.target))
		}
	}
	return opened(append(peers, ours))
}

// better is the rounds of 16 clients, or those of one where it gets more.
func (b *bench) better(many []*sample, of side) ([]*sample, error) {
	alone, err := b.repeat(1, of)
	if err == nil && perSecond.figure(alone).Median() > perSecond.figure(many).Median() {
		many = alone
	}
	return many, err
}

// opened looks into what all have encrypted.
func opened(all []keeping) error {
	for _, k := range all {
		if k.Keeper == nil {
			continue
		}
		if err := k.Opens(); err != nil {
			return fmt.Errorf("%s: %w", k.name, err)
		}
	}
	return nil
}

// dataKeys measures GenerateDataKey at a rate.
func (b *bench) dataKeys(s *report.Section, ours *lab.Keeper) error {
	const rate = 1000
	middle, slow := &report.Figure{Unit: "µs"}, &report.Figure{Unit: "µs"}
	for n := range b.rounds + 1 {
		round, err := ours.DataKey.Paced(b.ctx, cells, rate, b.round)
		if err != nil {
			return fmt.Errorf("GenerateDataKey: %w", err)
		}
		if n > 0 { // the first does not count
			middle.Add(round.Percentile(50))
			slow.Add(round.Percentile(99))
		}
	}
	s.Rows = append(s.Rows,
		report.Row{What: "GenerateDataKey, 1,000 a second, p50", Ours: middle},
		report.Row{What: "GenerateDataKey, 1,000 a second, p99", Ours: slow, Target: &report.Target{AtMost: 1000, Unit: "µs"}})
	return ours.Opens()
}

// door measures the call that does next to nothing, over TLS.
func (b *bench) door(s *report.Section, node *lab.Process, user lab.Key) error {
	target := lab.Calls(node.Address, user)["identity"]
	target.TLS = true
	rounds, err := b.repeat(cells, side{target, node})
	if err != nil {
		return err
	}
	s.Rows = append(s.Rows, report.Row{What: "GetCallerIdentity, over TLS", Ours: perSecond.figure(rounds)})
	return nil
}
