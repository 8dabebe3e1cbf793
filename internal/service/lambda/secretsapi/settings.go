package secretsapi

import (
	"strconv"
	"time"
)

// Settings are what a function sets by the extension's own variables.
type Settings struct {
	Port                    int
	SecretTTL, ParameterTTL time.Duration // 0: nothing is remembered
	CacheSize               int
}

// Limits of AWS's; a value beyond them counts as not set.
const (
	mostTTL   = 300
	mostItems = 1000
)

// SettingsOf reads a function's variables.
func SettingsOf(variables map[string]string) Settings {
	s := Settings{
		Port:         number(variables["PARAMETERS_SECRETS_EXTENSION_HTTP_PORT"], 1024, 65535, Port),
		SecretTTL:    time.Duration(number(variables["SECRETS_MANAGER_TTL"], 0, mostTTL, mostTTL)) * time.Second,
		ParameterTTL: time.Duration(number(variables["SSM_PARAMETER_STORE_TTL"], 0, mostTTL, mostTTL)) * time.Second,
		CacheSize:    number(variables["PARAMETERS_SECRETS_EXTENSION_CACHE_SIZE"], 0, mostItems, mostItems),
	}
	if on, err := strconv.ParseBool(variables["PARAMETERS_SECRETS_EXTENSION_CACHE_ENABLED"]); err == nil && !on {
		s.CacheSize = 0
	}
	return s
}

func number(text string, least, most, otherwise int) int {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return otherwise
	}
	return n
}
