using Microsoft.Extensions.Logging;
using PipeRoll.Broker.Handlers;

namespace PipeRoll.Broker.Security.Audit;

/// <summary>What happens to security, told to the audit stream, the log and the metrics.</summary>
/// <remarks>Any thread; never waits. A log line is written for whatever the audit stream gets.</remarks>
internal sealed partial class SecurityAudit(TimeProvider time, BrokerMetrics metrics, ILogger logger)
{
    /// <summary>Events that wait for being written.</summary>
    public AuditQueue Queue { get; } = new();

    /// <summary>Raised when there is something to write.</summary>
    public event Action? Added;

    public void Denied(Denial denial)
    {
        metrics.AccessDenied();
        AccessQuestion question = denial.Question;
        Add(new AuditEvent(
            AuditKind.Denied, question.Principal, question.Host, denial.Api, question.Operation.ToString(), question.Type.ToString(),
            question.Name, $"there is no entry that allows {question.Operation}, or one that denies it"));
    }

    /// <param name="claimed">Whom it said it is.</param>
    public void AuthenticationFailed(ClientIdentity client, string mechanism, string claimed, string detail)
    {
        metrics.AuthenticationFailed();
        Add(new AuditEvent(
            AuditKind.AuthenticationFailed, Short(claimed), client.RemoteAddress, mechanism.Length > 0 ? mechanism : "none", "Authenticate", "", "",
            detail));
    }

    /// <param name="detail">What was changed: names, never secrets.</param>
    public void Changed(ClientIdentity client, string api, string resourceType, string resourceName, string detail) => Add(new AuditEvent(
        AuditKind.Changed, client.Principal, client.RemoteAddress, api, "Alter", resourceType, resourceName, detail));

    private void Add(AuditEvent happened)
    {
        if (Queue.Add(happened, time.GetUtcNow().ToUnixTimeMilliseconds()))
        {
            LogLevel level = happened.Kind == AuditKind.Changed ? LogLevel.Information : LogLevel.Warning;
            if (logger.IsEnabled(level))
            {
                string text = happened.Text();
                LogEvent(logger, level, happened.Kind, text);
            }

            Added?.Invoke();
        }
    }

    // A name comes from outside: it is kept short.
    private static string Short(string name) => name.Length <= 256 ? name : name[..256];

    [LoggerMessage(EventId = 71, Message = "security: {Kind}: {Text}")]
    private static partial void LogEvent(ILogger logger, LogLevel level, AuditKind kind, string text);
}
