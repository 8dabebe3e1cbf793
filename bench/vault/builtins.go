package main

import (
	"slices"

	kv "github.com/hashicorp/vault-plugin-secrets-kv"
	"github.com/hashicorp/vault/builtin/credential/userpass"
	"github.com/hashicorp/vault/builtin/logical/transit"
	"github.com/hashicorp/vault/sdk/helper/consts"
	"github.com/hashicorp/vault/sdk/logical"
)

// builtins is Vault's list of the plugins that are compiled in.
type builtins struct{}

var compiledIn = map[consts.PluginType]map[string]logical.Factory{
	consts.PluginTypeSecrets:    {"kv": kv.Factory, "transit": transit.Factory},
	consts.PluginTypeCredential: {"userpass": userpass.Factory},
}

func (builtins) Contains(name string, kind consts.PluginType) bool {
	_, ok := compiledIn[kind][name]
	return ok
}

func (builtins) Get(name string, kind consts.PluginType) (func() (any, error), bool) {
	factory, ok := compiledIn[kind][name]
	return func() (any, error) { return factory, nil }, ok
}

func (builtins) Keys(kind consts.PluginType) (names []string) {
	for name := range compiledIn[kind] {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (b builtins) DeprecationStatus(name string, kind consts.PluginType) (consts.DeprecationStatus, bool) {
	return consts.Supported, b.Contains(name, kind)
}

func (builtins) IsBuiltinEntPlugin(string, consts.PluginType) bool { return false }
