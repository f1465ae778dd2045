using System.Globalization;
using System.Text;
using System.Text.Unicode;
using PipeRoll.Cel;
using PipeRoll.Policies.Compilation;
using PipeRoll.Policies.Engine;

namespace PipeRoll.Policies.Records;

/// <summary>
/// Writes decision records (docs/formats/decision-record.md) into one buffer. What is the same in all records of a partition, and each
/// rule's two usual forms, are bytes made once. Owner: one engine; a record is valid until the next one.
/// </summary>
internal sealed class RecordWriter
{
    private readonly CanonicalJson _json = new();
    private readonly byte[] _opening;
    private readonly byte[] _policy;
    private readonly byte[][] _ruleTrue;
    private readonly byte[][] _ruleNames;

    /// <summary>All rules false, and where each begins in it; the end comes last.</summary>
    private readonly byte[] _allFalse;
    private readonly int[] _falseAt;
    private readonly byte[][] _reasonNames;
    private readonly byte[][] _caseNames;

    /// <summary>The reasons' texts, escaped; null where an expression stands.</summary>
    private readonly byte[]?[][] _reasonTexts;
    private readonly byte[]?[][] _caseTexts;
    private readonly bool _hasCases;
    private readonly byte[][] _windowNames;
    private readonly byte[][] _outcomes;
    private readonly byte[][] _severities;
    private readonly CompiledRule[] _rules;
    private readonly byte[] _keyPrefix;
    private byte[] _key;

    public RecordWriter(PolicyBundle policy, string topic, int partition)
    {
        _rules = policy.Compiled.Rules;
        _opening = Fragment(json =>
        {
            json.Raw("{\"format\":"u8);
            json.String(DecisionRecord.FormatName);
            json.Raw(",\"event\":{\"topic\":"u8);
            json.String(topic);
            json.Raw(",\"partition\":"u8);
            json.Integer(partition);
            json.Raw(",\"offset\":"u8);
        });
        _policy = Fragment(json => WritePolicy(json, policy));
        _ruleNames = [.. policy.Rules.Select((rule, i) => Name(rule.Id, i == 0))];
        _ruleTrue = [.. _ruleNames.Select(name => (byte[])[.. name, .. "true"u8])];
        byte[][] ruleFalse = [.. _ruleNames.Select(name => (byte[])[.. name, .. "false"u8])];
        _allFalse = [.. ruleFalse.SelectMany(bytes => bytes)];
        _falseAt = new int[ruleFalse.Length + 1];
        for (int i = 0; i < ruleFalse.Length; i++)
        {
            _falseAt[i + 1] = _falseAt[i] + ruleFalse[i].Length;
        }
        _reasonTexts = [.. _rules.Select(rule => rule.Reason.Parts.Select(EscapedText).ToArray())];
        _caseTexts = [.. _rules.Select(rule => rule.Case.Parts.Select(EscapedText).ToArray())];
        _hasCases = _rules.Any(static rule => rule.Case.Parts.Count > 0);
        _reasonNames = [.. policy.Rules.Select(static rule => Opening(rule, ",\"text\":\""))];
        _caseNames = [.. policy.Rules.Select(static rule => Opening(rule, ",\"case\":\""))];
        _windowNames = [.. policy.Windows.Select((window, i) => Name(window.Name, i == 0))];
        _outcomes = [.. OutcomeNames.Outcomes.Select(name => Encoding.UTF8.GetBytes($",\"outcome\":\"{name}\",\"score\":"))];
        _severities = [.. OutcomeNames.Severities.Select(name => Encoding.UTF8.GetBytes($",\"severity\":\"{name}\",\"rules\":{{"))];
        _keyPrefix = Encoding.UTF8.GetBytes($"{topic}/{partition}/");
        _key = new byte[_keyPrefix.Length + 20];
        _keyPrefix.CopyTo(_key, 0);
    }

    /// <summary>The key of the record of an offset.</summary>
    public ReadOnlyMemory<byte> KeyOf(long offset)
    {
        offset.TryFormat(_key.AsSpan(_keyPrefix.Length), out int written, default, CultureInfo.InvariantCulture);
        return _key.AsMemory(0, _keyPrefix.Length + written);
    }

    /// <summary>Begins a record: the event and the policy.</summary>
    /// <param name="offset">The event's.</param>
    /// <param name="timestampMs">The record's.</param>
    /// <param name="eventTimeMs">Null if the event could not be read.</param>
    /// <param name="key">The record's; empty for none.</param>
    /// <param name="chain">After the event was added.</param>
    public void Begin(long offset, long timestampMs, long? eventTimeMs, ReadOnlySpan<byte> key, StateChain chain)
    {
        _json.Clear();
        _json.Raw(_opening);
        _json.Integer(offset);
        WriteKey(key);
        _json.Raw(",\"timestamp\":"u8);
        _json.Integer(timestampMs);
        _json.Raw(",\"time\":"u8);
        if (eventTimeMs is { } time)
        {
            _json.Integer(time);
        }
        else
        {
            _json.Raw("null"u8);
        }
        _json.Raw(",\"digest\":"u8);
        _json.Hex(chain.EventDigest);
        _json.Raw(_policy);
        _json.Hex(chain.Head);
    }

    /// <summary>Goes on with the outcome, the rules, the windows and the rest.</summary>
    public ReadOnlyMemory<byte> Complete(
        Decision decision,
        OutcomeCombiner combined,
        RuleResults results,
        WindowEvaluator[] windows,
        ReadOnlySpan<CelValue> variables,
        string? error)
    {
        _json.Raw(_outcomes[(int)decision.Outcome]);
        _json.Integer(decision.Score);
        _json.Raw(_severities[(int)decision.Severity]);
        if (error is null)
        {
            WriteRules(results, decision.HeldList.Count);
        }
        _json.Raw("},\"windows\":{"u8);
        if (error is null)
        {
            WriteWindows(windows, variables[CompiledPolicy.WindowsSlot].StructValue);
        }
        _json.Raw("},\"clipped\":["u8);
        if (error is null)
        {
            WriteClipped(windows);
        }
        _json.Raw("],\"labels\":["u8);
        combined.Labels.Write(_json);
        _json.Raw("],\"reasons\":["u8);
        if (decision.HeldList.Count > 0)
        {
            WriteTexts(results, variables, _reasonNames, _reasonTexts, static rule => rule.Reason);
        }
        if (_hasCases)
        {
            _json.Raw("],\"cases\":["u8);
            WriteTexts(results, variables, _caseNames, _caseTexts, static rule => rule.Case);
        }
        _json.Raw("],\"routes\":["u8);
        combined.Routes.Write(_json);
        _json.Raw("],\"error\":"u8);
        if (error is null)
        {
            _json.Raw("null"u8);
        }
        else
        {
            _json.String(error);
        }
        _json.Raw("}"u8);
        return _json.Written;
    }

    private static byte[] Fragment(Action<CanonicalJson> write)
    {
        var json = new CanonicalJson();
        write(json);
        return json.Written.ToArray();
    }

    private static byte[] Opening(PolicyRule rule, string member) => Fragment(json =>
    {
        json.Raw("{\"rule\":"u8);
        json.String(rule.Id);
        json.Raw(Encoding.UTF8.GetBytes(member));
    });

    private static byte[]? EscapedText(ReasonPart part) => part.Expression is null ? Fragment(json => json.Escape(part.Utf8)) : null;

    private static byte[] Name(string name, bool first) => Fragment(json =>
    {
        json.Raw(first ? ""u8 : ","u8);
        json.String(name);
        json.Raw(":"u8);
    });

    private static void WritePolicy(CanonicalJson json, PolicyBundle policy)
    {
        json.Raw("},\"policy\":{\"name\":"u8);
        json.String(policy.Name);
        json.Raw(",\"version\":"u8);
        json.String(policy.Version);
        json.Raw(",\"hash\":"u8);
        json.String(policy.Hash);
        json.Raw("},\"lists\":{"u8);
        for (int i = 0; i < policy.Lists.Count; i++)
        {
            json.Raw(i == 0 ? ""u8 : ","u8);
            json.String(policy.Lists[i].Name);
            json.Raw(":{\"version\":"u8);
            json.String(policy.Lists[i].Version);
            json.Raw(",\"hash\":"u8);
            json.String(policy.Lists[i].Hash);
            json.Raw("}"u8);
        }
        json.Raw("},\"stateHash\":"u8);
    }

    private void WriteKey(ReadOnlySpan<byte> key)
    {
        if (key.Length == 0)
        {
            _json.Raw(",\"key\":null"u8);
        }
        else if (Utf8.IsValid(key))
        {
            _json.Raw(",\"key\":"u8);
            _json.String(key);
        }
        else
        {
            _json.Raw(",\"keyBase64\":"u8);
            _json.String(Convert.ToBase64String(key));
        }
    }

    private void WriteRules(RuleResults results, int heldCount)
    {
        // What nearly every event gives.
        if (heldCount == 0 && !results.AnyError)
        {
            _json.Raw(_allFalse);
            return;
        }
        if (results.AnyError)
        {
            WriteRulesWithErrors(results);
            return;
        }
        int written = 0;
        for (int i = results.NextHeld(0); i >= 0; i = results.NextHeld(i + 1))
        {
            _json.Raw(_allFalse.AsSpan(written, _falseAt[i] - written));
            _json.Raw(_ruleTrue[i]);
            written = _falseAt[i + 1];
        }
        _json.Raw(_allFalse.AsSpan(written));
    }

    private void WriteRulesWithErrors(RuleResults results)
    {
        for (int i = 0; i < results.Count; i++)
        {
            if (results.ErrorOf(i) is { } error)
            {
                _json.Raw(_ruleNames[i]);
                _json.String(error.Message);
                continue;
            }
            _json.Raw(results.Held[i] ? _ruleTrue[i] : _allFalse.AsSpan(_falseAt[i], _falseAt[i + 1] - _falseAt[i]));
        }
    }

    private void WriteWindows(WindowEvaluator[] windows, CelStruct values)
    {
        for (int i = 0; i < _windowNames.Length; i++)
        {
            _json.Raw(_windowNames[i]);
            CelValue value = values.GetField(i);
            switch (value.Kind)
            {
                case CelKind.Int:
                    _json.Integer(value.IntValue);
                    break;
                case CelKind.Double:
                    _json.Number(value.DoubleValue);
                    break;
                case CelKind.Error when !windows[i].IsEmpty:
                    _json.String(value.ErrorValue.Message);
                    break;
                default:
                    _json.Raw("null"u8);
                    break;
            }
        }
    }

    private void WriteClipped(WindowEvaluator[] windows)
    {
        bool first = true;
        foreach (WindowEvaluator window in windows)
        {
            if (window.IsClipped)
            {
                _json.Raw(first ? ""u8 : ","u8);
                _json.String(window.Window.Name);
                first = false;
            }
        }
    }

    private void WriteTexts(
        RuleResults results, ReadOnlySpan<CelValue> variables, byte[][] names, byte[]?[][] texts, Func<CompiledRule, ReasonTemplate> template)
    {
        bool first = true;
        for (int i = results.NextHeld(0); i >= 0; i = results.NextHeld(i + 1))
        {
            if (texts[i].Length == 0)
            {
                continue;
            }
            if (!first)
            {
                _json.Raw(","u8);
            }
            _json.Raw(names[i]);
            WriteReason(texts[i], template(_rules[i]).Parts, variables);
            _json.Raw("\"}"u8);
            first = false;
        }
    }

    private void WriteReason(byte[]?[] texts, IReadOnlyList<ReasonPart> parts, ReadOnlySpan<CelValue> variables)
    {
        for (int i = 0; i < texts.Length; i++)
        {
            if (texts[i] is { } text)
            {
                _json.Raw(text);
            }
            else
            {
                ReasonText.Write(_json, parts[i].Expression!.Evaluate(variables));
            }
        }
    }
}
