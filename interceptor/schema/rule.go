package schema

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/proto"

	"github.com/oidcrpc/oidcrpc/interceptor"
	"github.com/oidcrpc/oidcrpc/interceptor/schema/policyv1"
	"github.com/oidcrpc/oidcrpc/verifier"
)

func ruleOf(option *policyv1.Rule) (interceptor.Rule, error) {
	if err := validate(option); err != nil {
		return interceptor.Rule{}, err
	}
	access, err := accessOf(option.GetAccess())
	if err != nil {
		return interceptor.Rule{}, err
	}
	require := verifier.Requirement{
		Bound:       option.GetBound(),
		Scopes:      option.GetScopes(),
		AnyScopes:   option.GetAnyScopes(),
		Permissions: option.GetPermissions(),
		Issuers:     option.GetIssuers(),
		Subjects:    option.GetSubjects(),
		Actors:      option.GetActors(),
		ACRValues:   option.GetAcrValues(),
		MaxAge:      option.GetMaxAge().AsDuration(),
	}
	if (access == interceptor.AccessPublic || access == interceptor.AccessDenied) && !require.IsZero() {
		return interceptor.Rule{}, fmt.Errorf("its option asks for more than %s", option.GetAccess())
	}
	return interceptor.Rule{Access: access, Require: require}, require.Validate()
}

// validate reports what a Go Rule can't show any more.
func validate(option *policyv1.Rule) error {
	age := option.GetMaxAge()
	switch {
	case len(option.ProtoReflect().GetUnknown()) > 0, age != nil && len(age.ProtoReflect().GetUnknown()) > 0:
		// It may be a restriction.
		return errors.New("its option has a field that this version of oidcrpc does not know")
	case proto.Size(option) == 0:
		return errors.New("its option says nothing: to ask for any valid token, write access: ACCESS_REQUIRED")
	case age != nil && (age.GetSeconds() <= 0 || age.GetNanos() != 0):
		return errors.New("its max_age must be whole seconds, and more than zero")
	default:
		return nil
	}
}

func accessOf(access policyv1.Access) (interceptor.Access, error) {
	switch access {
	case policyv1.Access_ACCESS_UNSPECIFIED, policyv1.Access_ACCESS_REQUIRED:
		return interceptor.AccessRequired, nil
	case policyv1.Access_ACCESS_OPTIONAL:
		return interceptor.AccessOptional, nil
	case policyv1.Access_ACCESS_PUBLIC:
		return interceptor.AccessPublic, nil
	case policyv1.Access_ACCESS_DENIED:
		return interceptor.AccessDenied, nil
	default:
		return 0, fmt.Errorf("its option has an access that this version of oidcrpc does not know: %d", access)
	}
}
