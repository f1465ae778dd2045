using PipeRoll.Broker.Security;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// DescribeUserScramCredentials (50, KIP-554): mechanisms and iterations of all users (null or none named) or of those named. Needs to
/// describe the cluster.
/// </summary>
internal sealed class DescribeUserScramCredentialsHandler(BrokerSecurity security)
    : Handler<DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse>
{
    public override ValueTask<DescribeUserScramCredentialsResponse> HandleAsync(
        DescribeUserScramCredentialsRequest request, RequestContext context)
    {
        if (!context.AllowsOnCluster(AclOperation.Describe))
        {
            return ValueTask.FromResult(new DescribeUserScramCredentialsResponse
            {
                ErrorCode = (short)KafkaError.ClusterAuthorizationFailed,
                ErrorMessage = "not allowed to describe the cluster",
                Results = [],
            });
        }

        ILookup<string, ScramCredential> known = security.Directory.Current.Credentials.ToLookup(
            static pair => pair.User, static pair => pair.Credential, StringComparer.Ordinal);
        string[] wanted = request.Users is { Count: > 0 } users ? [.. users.Select(static user => user.Name)] : [.. known.Select(static user => user.Key)];
        HashSet<string> twice = [.. wanted.GroupBy(static user => user).Where(static group => group.Count() > 1).Select(static group => group.Key)];
        return ValueTask.FromResult(new DescribeUserScramCredentialsResponse
        {
            Results = [.. wanted.Distinct().Order(StringComparer.Ordinal).Select(user => Describe(user, known[user], twice.Contains(user)))],
        });
    }

    private static DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult Describe(
        string user, IEnumerable<ScramCredential> credentials, bool isTwice)
    {
        var result = new DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult { User = user, CredentialInfos = [] };
        if (isTwice)
        {
            (result.ErrorCode, result.ErrorMessage) = ((short)KafkaError.DuplicateResource, $"User '{user}' is named twice in one request.");
            return result;
        }

        foreach (ScramCredential credential in credentials.OrderBy(static credential => credential.Mechanism))
        {
            result.CredentialInfos.Add(new DescribeUserScramCredentialsResponse.CredentialInfo
            {
                Mechanism = (sbyte)credential.Mechanism,
                Iterations = credential.Iterations,
            });
        }

        if (result.CredentialInfos.Count == 0)
        {
            (result.ErrorCode, result.ErrorMessage) = ((short)KafkaError.ResourceNotFound, $"There is no user '{user}' with SCRAM credentials.");
        }

        return result;
    }
}
