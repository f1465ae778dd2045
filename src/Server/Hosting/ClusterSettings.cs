namespace PipeRoll.Server.Hosting;

/// <summary>What the section <c>cluster</c> says to the composition root, besides the cluster's own options.</summary>
/// <remarks>The connection string holds a password: <see cref="ToString"/> leaves it out.</remarks>
internal sealed record ClusterSettings
{
    /// <summary>Connection string of PostgreSQL.</summary>
    public string Database { get; init; } = "";

    /// <summary>How long a start waits for the database and the bucket before it gives up.</summary>
    public TimeSpan StartWait { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Base address of this broker's HTTP API as others reach it; empty: the advertised host and the HTTP port.</summary>
    public string HttpAddress { get; init; } = "";

    /// <summary>Every error at once, each beginning with the property's name.</summary>
    public IReadOnlyList<string> Validate()
    {
        var errors = new List<string>();
        if (Database.Length == 0)
        {
            errors.Add($"{nameof(Database)} is missing: give the connection string of PostgreSQL, such as "
                + "Host=db;Database=piperoll;Username=piperoll");
        }

        if (HttpAddress.Length > 0 && !(Uri.TryCreate(HttpAddress, UriKind.Absolute, out Uri? address) && address.Scheme is "http" or "https"))
        {
            errors.Add($"{nameof(HttpAddress)} is '{HttpAddress}': give an address such as http://10.0.0.1:8080");
        }

        return errors;
    }

    public override string ToString() => $"start wait {StartWait}";
}
