package door

import "testing"

func TestReadsByName(t *testing.T) {
	for name, want := range map[string]bool{
		"GetFunction": true, "ListFunctions": true, "DescribeKey": true, "Decrypt": true, "GenerateDataKeyPair": true, "AssumeRoleWithWebIdentity": true,
		"CreateFunction": false, "Invoke": false, "UpdateFunctionCode": false, "RotateSeal": false, "SignUp": false, "ChangePassword": false,
	} {
		if readsByName(name) != want {
			t.Errorf("%s: %t", name, !want)
		}
	}
}
