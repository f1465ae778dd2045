namespace PipeRoll.Broker.Security;

/// <summary>Super users first, then entries that deny, then entries that allow; who is named by none is not let in.</summary>
internal sealed class AclAuthorizer(SecurityOptions options, SecurityDirectory directory) : IAuthorizer
{
    public bool AllowsEverything => !directory.Current.IsOn;

    public bool Allows(in AccessQuestion question)
    {
        SecurityImage image = directory.Current;
        return !image.IsOn || IsAbove(question.Principal, question.Operation, question.Type) || image.Acls.Ask(question) switch
        {
            AclVerdict.Allowed => true,
            AclVerdict.NotNamed => options.AllowEveryoneIfNoAcl,
            _ => false,
        };
    }

    public bool AllowsOnAny(string principal, string host, AclOperation operation, ResourceType type)
    {
        SecurityImage image = directory.Current;
        return !image.IsOn || IsAbove(principal, operation, type) || options.AllowEveryoneIfNoAcl
            || image.Acls.AllowsOnAny(principal, host, operation, type);
    }

    // Brokers among themselves do what is the cluster's, and nothing else.
    private bool IsAbove(string principal, AclOperation operation, ResourceType type) =>
        directory.IsSuperUser(principal)
        || (principal == AclNames.Broker && type == ResourceType.Cluster
            && operation is AclOperation.ClusterAction or AclOperation.Alter or AclOperation.Describe);
}
