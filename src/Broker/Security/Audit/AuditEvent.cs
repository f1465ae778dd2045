using System.Text;
using System.Text.Json;

namespace PipeRoll.Broker.Security.Audit;

internal enum AuditKind
{
    AuthenticationFailed,
    Denied,

    /// <summary>Users, entries or tokens were changed.</summary>
    Changed,

    /// <summary>More happened than was written.</summary>
    Suppressed,
}

/// <summary>One event of the audit stream. What is not known is empty.</summary>
/// <param name="Operation">What was done or tried: an API, or an operation on the resource.</param>
internal sealed record AuditEvent(
    AuditKind Kind, string Principal, string Address, string Api, string Operation, string ResourceType, string ResourceName, string Detail)
{
    /// <summary>As an event of the Open Cybersecurity Schema Framework 1.3 (docs/formats/audit.md).</summary>
    /// <param name="count">How often the same happened since it was written last.</param>
    public byte[] ToJson(long timeMs, int nodeId, long count)
    {
        (int category, string categoryName, int @class, string className, int activity, string activityName) = Kind switch
        {
            AuditKind.AuthenticationFailed => (3, "Identity & Access Management", 3002, "Authentication", 1, "Logon"),
            AuditKind.Changed => (3, "Identity & Access Management", 3005, "User Access Management", 99, Api),
            _ => (6, "Application Activity", 6003, "API Activity", 99, Api),
        };
        bool isFailure = Kind is AuditKind.AuthenticationFailed or AuditKind.Denied;
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream))
        {
            json.WriteStartObject();
            json.WriteNumber("category_uid", category);
            json.WriteString("category_name", categoryName);
            json.WriteNumber("class_uid", @class);
            json.WriteString("class_name", className);
            json.WriteNumber("type_uid", (@class * 100) + activity);
            json.WriteNumber("activity_id", activity);
            json.WriteString("activity_name", activityName);
            json.WriteNumber("severity_id", isFailure ? 3 : 1);
            json.WriteNumber("status_id", isFailure ? 2 : 1);
            json.WriteString("status", isFailure ? "Failure" : "Success");
            json.WriteString("status_detail", Detail);
            json.WriteNumber("time", timeMs);
            json.WriteNumber("count", count);
            json.WriteString("message", Text());
            WriteObject(json, "actor", "user", "name", Principal);
            if (Kind == AuditKind.AuthenticationFailed)
            {
                json.WriteStartObject("user");
                json.WriteString("name", Principal);
                json.WriteEndObject();
            }

            json.WriteStartObject("src_endpoint");
            json.WriteString("ip", Address);
            json.WriteEndObject();
            json.WriteStartObject("api");
            json.WriteString("operation", Api);
            json.WriteEndObject();
            if (ResourceType.Length > 0)
            {
                json.WriteStartArray("resources");
                json.WriteStartObject();
                json.WriteString("type", ResourceType);
                json.WriteString("name", ResourceName);
                json.WriteEndObject();
                json.WriteEndArray();
            }

            json.WriteStartObject("metadata");
            json.WriteString("version", "1.3.0");
            json.WriteStartObject("product");
            json.WriteString("name", "PipeRoll");
            json.WriteString("uid", nodeId.ToString(System.Globalization.CultureInfo.InvariantCulture));
            json.WriteEndObject();
            json.WriteEndObject();
            json.WriteStartObject("unmapped");
            json.WriteString("operation", Operation);
            json.WriteEndObject();
            json.WriteEndObject();
        }

        return stream.ToArray();
    }

    public byte[] Key() => Encoding.UTF8.GetBytes(Principal);

    public string Text() => Kind switch
    {
        AuditKind.AuthenticationFailed => $"{Or(Principal, "somebody")} at {Address} could not authenticate: {Detail}",
        AuditKind.Denied => $"{Principal} at {Address} may not {Operation} {ResourceType} '{ResourceName}' ({Api})",
        AuditKind.Changed => $"{Principal} at {Address}: {Detail}",
        _ => Detail,
    };

    private static string Or(string text, string other) => text.Length > 0 ? text : other;

    private static void WriteObject(Utf8JsonWriter json, string outer, string inner, string name, string value)
    {
        json.WriteStartObject(outer);
        json.WriteStartObject(inner);
        json.WriteString(name, value);
        json.WriteEndObject();
        json.WriteEndObject();
    }
}
