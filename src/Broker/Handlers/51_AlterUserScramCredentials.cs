using PipeRoll.Broker.Security;
using PipeRoll.Streams.Metadata;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// AlterUserScramCredentials (51, KIP-554): sets and deletes credentials. All changes of a user happen or none does. Needs to alter the
/// cluster.
/// </summary>
/// <remarks>Whoever is defined while nobody else is becomes the administrator: entries that allow him everything are made with him.</remarks>
internal sealed class AlterUserScramCredentialsHandler(BrokerSecurity security)
    : Handler<AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse>
{
    public override async ValueTask<AlterUserScramCredentialsResponse> HandleAsync(
        AlterUserScramCredentialsRequest request, RequestContext context)
    {
        string[] users =
        [
            .. request.Deletions.Select(static deletion => deletion.Name).Concat(request.Upsertions.Select(static set => set.Name))
                .Distinct().Order(StringComparer.Ordinal),
        ];
        bool isAllowed = context.AllowsOnCluster(AclOperation.Alter);
        var response = new AlterUserScramCredentialsResponse { Results = new(users.Length) };
        List<string> good = [];
        foreach (string user in users)
        {
            (KafkaError error, string? message) = !isAllowed
                ? (KafkaError.ClusterAuthorizationFailed, "not allowed to alter the cluster")
                : Problem(request, user);
            response.Results.Add(new AlterUserScramCredentialsResponse.AlterUserScramCredentialsResult
            {
                User = user,
                ErrorCode = (short)error,
                ErrorMessage = message,
            });
            if (error == KafkaError.None)
            {
                good.Add(user);
            }
        }

        if (good.Count > 0 && !await TryAsync(request, good, context))
        {
            foreach (AlterUserScramCredentialsResponse.AlterUserScramCredentialsResult result in response.Results.Where(
                static result => result.ErrorCode == (short)KafkaError.None))
            {
                result.ErrorCode = (short)KafkaError.RequestTimedOut;
                result.ErrorMessage = "the metadata database does not answer: try again";
            }
        }

        return response;
    }

    private async ValueTask<bool> TryAsync(AlterUserScramCredentialsRequest request, List<string> users, RequestContext context)
    {
        ScramRecord[] set = [.. request.Upsertions.Where(each => users.Contains(each.Name)).Select(static each => ScramCredential.FromSalted(
            (ScramMechanism)each.Mechanism, each.SaltedPassword.Span, each.Salt.ToArray(), each.Iterations).ToRecord(each.Name))];
        (string, int)[] deleted =
            [.. request.Deletions.Where(each => users.Contains(each.Name)).Select(static each => (each.Name, (int)each.Mechanism))];
        try
        {
            await security.Directory.AlterCredentialsAsync(context.Client.Principal, set, deleted, CancellationToken.None);
        }
        catch (MetadataUnavailableException)
        {
            return false;
        }

        foreach (string user in users)
        {
            string change = set.Any(record => record.User == user) ? "set credentials of" : "deleted credentials of";
            security.Audit.Changed(context.Client, "AlterUserScramCredentials", "User", "User:" + user, $"{change} User:{user}");
        }

        return true;
    }

    private (KafkaError Error, string? Message) Problem(AlterUserScramCredentialsRequest request, string user)
    {
        if (!security.Directory.HasCatalog)
        {
            return (KafkaError.SecurityDisabled, "this broker has no place to keep users in");
        }

        if (user.Length == 0 || "User:" + user is AclNames.Broker or AclNames.Anonymous or AclNames.Everybody)
        {
            return (KafkaError.UnacceptableCredential, user.Length == 0 ? "A user needs a name." : $"The name '{user}' has a meaning of its own.");
        }

        sbyte[] mechanisms =
        [
            .. request.Deletions.Where(each => each.Name == user).Select(static each => each.Mechanism),
            .. request.Upsertions.Where(each => each.Name == user).Select(static each => each.Mechanism),
        ];
        if (mechanisms.Any(static mechanism => (ScramMechanism)mechanism is not (ScramMechanism.Sha256 or ScramMechanism.Sha512)))
        {
            return (KafkaError.UnsupportedSaslMechanism, "The mechanism must be SCRAM-SHA-256 or SCRAM-SHA-512.");
        }

        if (mechanisms.Distinct().Count() < mechanisms.Length)
        {
            return (KafkaError.DuplicateResource, $"A mechanism of user '{user}' is named twice in one request.");
        }

        SecurityImage image = security.Directory.Current;
        if (request.Deletions.Any(each => each.Name == user && image.Credential(user, (ScramMechanism)each.Mechanism) is null))
        {
            return (KafkaError.ResourceNotFound, $"There is no such credential of user '{user}'.");
        }

        foreach (AlterUserScramCredentialsRequest.ScramCredentialUpsertion set in request.Upsertions.Where(each => each.Name == user))
        {
            if (set.Iterations is < Scram.IterationsMin or > Scram.IterationsMax)
            {
                return (KafkaError.UnacceptableCredential, $"Iterations must lie within {Scram.IterationsMin} and {Scram.IterationsMax}.");
            }

            if (set.Salt.Length == 0 || set.SaltedPassword.Length != Scram.HashBytes((ScramMechanism)set.Mechanism))
            {
                return (KafkaError.UnacceptableCredential, "The salt is empty, or the salted password is not as long as its hash.");
            }
        }

        return (KafkaError.None, null);
    }
}
