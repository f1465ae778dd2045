using System.Text.RegularExpressions;
using PipeRoll.Broker.Security;
using PipeRoll.Broker.Transactions;
using PipeRoll.Wire;
using PipeRoll.Wire.Messages;

namespace PipeRoll.Broker.Handlers;

/// <summary>
/// ListTransactions (66): the transactions that this broker coordinates (KIP-664), by state, producer id, age (version 1 on, KIP-994) and a
/// pattern of the transactional id (2 on, KIP-1152).
/// </summary>
/// <remarks>Patterns run without backtracking. One that is no pattern is answered with INVALID_REGULAR_EXPRESSION.</remarks>
internal sealed class ListTransactionsHandler(TransactionCoordinator transactions) : Handler<ListTransactionsRequest, ListTransactionsResponse>
{
    public override ValueTask<ListTransactionsResponse> HandleAsync(ListTransactionsRequest request, RequestContext context)
    {
        HashSet<TransactionStatus> states = [];
        var response = new ListTransactionsResponse { UnknownStateFilters = [], TransactionStates = [] };
        foreach (string name in request.StateFilters)
        {
            if (Enum.TryParse(name, ignoreCase: false, out TransactionStatus state) && Enum.GetName(state) == name)
            {
                states.Add(state);
            }
            else
            {
                response.UnknownStateFilters.Add(name);
            }
        }

        Regex? pattern;
        try
        {
            pattern = string.IsNullOrEmpty(request.TransactionalIdPattern)
                ? null
                : new Regex($"^(?:{request.TransactionalIdPattern})$", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);
        }
        catch (Exception error) when (error is ArgumentException or NotSupportedException)
        {
            response.ErrorCode = (short)KafkaError.InvalidRegularExpression;
            return ValueTask.FromResult(response);
        }

        (KafkaError failed, IReadOnlyList<(string Id, TransactionRecord Record)> listed) = transactions.List();
        response.ErrorCode = (short)failed;
        if (failed != KafkaError.None)
        {
            return ValueTask.FromResult(response);
        }

        long nowMs = transactions.NowMs;
        HashSet<long> producers = [.. request.ProducerIdFilters];
        bool Fits(string id, TransactionRecord record) =>
            (request.StateFilters.Count == 0 || states.Contains(record.Status))
            && (producers.Count == 0 || producers.Contains(record.ProducerId))
            && (request.DurationFilter < 0 || (record.StartMs >= 0 && nowMs - record.StartMs > request.DurationFilter))
            && (pattern is null || pattern.IsMatch(id))
            && context.MaySee(AclOperation.Describe, ResourceType.TransactionalId, id);

        response.TransactionStates =
        [
            .. listed.Where(one => Fits(one.Id, one.Record)).Select(static one => new ListTransactionsResponse.ListedTransaction
            {
                TransactionalId = one.Id,
                ProducerId = one.Record.ProducerId,
                TransactionState = one.Record.Status.ToString(),
            }),
        ];
        return ValueTask.FromResult(response);
    }
}
