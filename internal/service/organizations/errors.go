package organizations

import (
	"cloister/internal/awsapi"
)

// Organizations' errors in its own words
// (https://docs.aws.amazon.com/organizations/latest/APIReference/CommonErrors.html).

var (
	errNotInUse        = plain("AWSOrganizationsNotInUseException", "Your account is not a member of an organization.")
	errAlreadyIn       = plain("AlreadyInOrganizationException", "The provided account is already a member of an organization.")
	errNotManagement   = plain("AccessDeniedException", "You don't have permissions to access this resource.")
	errNotEmpty        = plain("OrganizationNotEmptyException", "To delete an organization you must first remove all member accounts (except the master).")
	errNoRoot          = plain("RootNotFoundException", "You specified a root that doesn't exist.")
	errNoUnit          = plain("OrganizationalUnitNotFoundException", "You specified an organizational unit that doesn't exist.")
	errNoParent        = plain("ParentNotFoundException", "You specified parent that doesn't exist.")
	errNoSource        = plain("SourceParentNotFoundException", "You specified a source parent that doesn't exist.")
	errNoDestination   = plain("DestinationParentNotFoundException", "You specified a destination parent that doesn't exist.")
	errNoChild         = plain("ChildNotFoundException", "You specified a child that doesn't exist.")
	errNoAccount       = plain("AccountNotFoundException", "You specified an account that doesn't exist.")
	errNoTarget        = plain("TargetNotFoundException", "You specified a target that doesn't exist.")
	errNoPolicy        = plain("PolicyNotFoundException", "You specified a policy that doesn't exist.")
	errNoCreation      = plain("CreateAccountStatusNotFoundException", "You specified a create account request that doesn't exist.")
	errSameUnit        = plain("DuplicateOrganizationalUnitException", "An OU with the same name already exists.")
	errUnitNotEmpty    = plain("OrganizationalUnitNotEmptyException", "The specified OU is not empty. Move all accounts to another root or to other OUs, remove all child OUs, and try the operation again.")
	errSamePlace       = plain("DuplicateAccountException", "That account is already present in the specified destination.")
	errSamePolicy      = plain("DuplicatePolicyException", "A policy with the same name already exists.")
	errAttached        = plain("DuplicatePolicyAttachmentException", "The selected policy is already attached to the specified target.")
	errNotAttached     = plain("PolicyNotAttachedException", "The policy isn't attached to the specified target.")
	errInUse           = plain("PolicyInUseException", "The policy is attached to one or more entities. You must detach it from all roots, OUs, and accounts before performing this operation.")
	errTypeEnabled     = plain("PolicyTypeAlreadyEnabledException", "The specified policy type is already enabled.")
	errTypeNotEnabled  = plain("PolicyTypeNotEnabledException", "This operation can be performed only for enabled policy types.")
	errManagementStays = plain("MasterCannotLeaveOrganizationException", "You can't remove a management account from an organization. If you want the management account to become a member account in another organization, you must first delete the current organization of the management account.")
	errClosed          = plain("AccountAlreadyClosedException", "You attempted to close an account that is already closed.")
)

// plain is an error that is the same every time. Nobody changes it.
func plain(code, message string) *awsapi.Error {
	return &awsapi.Error{Code: code, Message: message}
}

// constraint is a limit that would be exceeded.
func constraint(reason, format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("ConstraintViolationException", format, args...).With("Reason", reason)
}

func invalid(reason, format string, args ...any) *awsapi.Error {
	return awsapi.Errorf("InvalidInputException", format, args...).With("Reason", reason)
}

// malformed says where a policy stops being one, and why. Line and column count
// from 1.
func malformed(line, column int, reason string) *awsapi.Error {
	return awsapi.Errorf("MalformedPolicyDocumentException", "Syntax error at position (%d,%d): %s", line, column, reason)
}

// noSuchType refuses a policy type that this node has not, or that the
// organisation's features leave out.
func noSuchType(kind string) *awsapi.Error {
	return awsapi.Errorf("PolicyTypeNotAvailableForOrganizationException", "You can't use the specified policy type %s with the feature set currently enabled for this organization. This node has SERVICE_CONTROL_POLICY and RESOURCE_CONTROL_POLICY.", kind)
}
