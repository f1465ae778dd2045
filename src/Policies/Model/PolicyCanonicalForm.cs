using System.Security.Cryptography;
using PipeRoll.Policies.Records;

namespace PipeRoll.Policies.Model;

/// <summary>
/// The bytes by which a policy is addressed (docs/formats/policy-bundle.md): everything that can change a decision or its words,
/// in one fixed order; comments and layout of the file are not in it, lists are there by their hash.
/// </summary>
internal static class PolicyCanonicalForm
{
    public static byte[] BytesOf(PolicyModel model)
    {
        var json = new CanonicalJson();
        json.Raw("{\"format\":\"piperoll.policy/1\",\"name\":"u8);
        json.String(model.Name);
        Member(json, ",\"version\":"u8, model.Version);
        Member(json, ",\"description\":"u8, model.Description);
        WriteEvent(json, model.Event!);
        WriteLists(json, model.Lists);
        WriteWindows(json, model.Windows);
        WriteRules(json, model.Rules);
        WriteOutcomes(json, model);
        json.Raw("}"u8);
        return json.Written.ToArray();
    }

    public static byte[] HashOf(ReadOnlySpan<byte> canonical) => SHA256.HashData(canonical);

    private static void WriteEvent(CanonicalJson json, EventSchema schema)
    {
        Member(json, ",\"event\":{\"key\":"u8, schema.KeyField);
        Member(json, ",\"time\":"u8, schema.TimeField);
        json.Raw(",\"aheadMaxMs\":"u8);
        if (schema.AheadMaxMs is { } ahead)
        {
            json.Integer(ahead);
        }
        else
        {
            json.Raw("null"u8);
        }
        json.Raw(",\"fields\":["u8);
        for (int i = 0; i < schema.Fields.Count; i++)
        {
            EventField field = schema.Fields[i];
            Member(json, i == 0 ? "{\"name\":"u8 : ",{\"name\":"u8, field.Name);
            Member(json, ",\"type\":"u8, field.Type.ToString());
            json.Raw(field.Optional ? ",\"optional\":true"u8 : ",\"optional\":false"u8);
            Member(json, ",\"format\":"u8, field.Format.ToString());
            Member(json, ",\"stepMs\":"u8, field.StepMs);
            WritePath(json, field);
            if (field.Default is { } otherwise)
            {
                Member(json, ",\"default\":"u8, otherwise);
            }
            json.Raw("}"u8);
        }
        json.Raw("]}"u8);
    }

    private static void WritePath(CanonicalJson json, EventField field)
    {
        if (field.Path.Count > 0)
        {
            json.Raw(",\"path\":"u8);
            WriteNames(json, field.Path);
        }
        for (int i = 0; i < field.OtherPaths.Count; i++)
        {
            json.Raw(i == 0 ? ",\"otherPaths\":["u8 : ","u8);
            WriteNames(json, field.OtherPaths[i]);
        }
        json.Raw(field.OtherPaths.Count > 0 ? "]"u8 : ""u8);
    }

    private static void WriteNames(CanonicalJson json, IReadOnlyList<string> names)
    {
        for (int i = 0; i < names.Count; i++)
        {
            Member(json, i == 0 ? "["u8 : ","u8, names[i]);
        }
        json.Raw("]"u8);
    }

    private static void WriteLists(CanonicalJson json, List<PolicyList> lists)
    {
        json.Raw(",\"lists\":["u8);
        for (int i = 0; i < lists.Count; i++)
        {
            Member(json, i == 0 ? "{\"name\":"u8 : ",{\"name\":"u8, lists[i].Name);
            Member(json, ",\"version\":"u8, lists[i].Version);
            Member(json, ",\"match\":"u8, lists[i].Match.ToString());
            Member(json, ",\"hash\":"u8, lists[i].Hash);
            if (lists[i].Match == ListMatch.Fuzzy)
            {
                Member(json, ",\"threshold\":"u8, lists[i].Threshold);
            }
            json.Raw("}"u8);
        }
        json.Raw("]"u8);
    }

    private static void WriteWindows(CanonicalJson json, List<Placed<PolicyWindow>> windows)
    {
        json.Raw(",\"windows\":["u8);
        for (int i = 0; i < windows.Count; i++)
        {
            PolicyWindow window = windows[i].Value;
            Member(json, i == 0 ? "{\"name\":"u8 : ",{\"name\":"u8, window.Name);
            Member(json, ",\"key\":"u8, window.Key);
            Member(json, ",\"value\":"u8, window.Value);
            Member(json, ",\"where\":"u8, window.Where);
            Member(json, ",\"aggregate\":"u8, window.Aggregate.ToString());
            Member(json, ",\"overMs\":"u8, window.OverMs);
            json.Raw(window.IncludesCurrent ? ",\"current\":true"u8 : ",\"current\":false"u8);
            json.Raw(",\"empty\":"u8);
            if (window.WhenEmpty is { } empty)
            {
                json.Number(empty);
            }
            else
            {
                json.Raw("null"u8);
            }
            Member(json, ",\"keysMax\":"u8, window.KeysMax);
            Member(json, ",\"eventsPerKeyMax\":"u8, window.EventsPerKeyMax);
            Member(json, ",\"eventsMax\":"u8, window.EventsMax);
            WriteWindowExtras(json, window);
            json.Raw("}"u8);
        }
        json.Raw("]"u8);
    }

    /// <summary>
    /// Members that are there only where they are not as usual, so that policies that never heard of them keep their hash.
    /// </summary>
    private static void WriteWindowExtras(CanonicalJson json, PolicyWindow window)
    {
        if (window.IsTumbling)
        {
            json.Raw(",\"tumbling\":true"u8);
        }
        if (window.LateMs is { } late)
        {
            Member(json, ",\"lateMs\":"u8, late);
        }
        if (window.BytesMax != PolicyWindow.BytesMaxDefault)
        {
            Member(json, ",\"bytesMax\":"u8, window.BytesMax);
        }
    }

    private static void WriteRules(CanonicalJson json, List<Placed<PolicyRule>> rules)
    {
        json.Raw(",\"rules\":["u8);
        for (int i = 0; i < rules.Count; i++)
        {
            PolicyRule rule = rules[i].Value;
            Member(json, i == 0 ? "{\"id\":"u8 : ",{\"id\":"u8, rule.Id);
            Member(json, ",\"description\":"u8, rule.Description);
            Member(json, ",\"when\":"u8, rule.When);
            Member(json, ",\"outcome\":"u8, rule.Outcome?.ToText() ?? "");
            Member(json, ",\"score\":"u8, rule.Score);
            WriteLabels(json, rule.Labels);
            Member(json, ",\"reason\":"u8, rule.Reason);
            Member(json, ",\"severity\":"u8, rule.Severity.ToText());
            WriteRoute(json, ",\"route\":"u8, rule.Route);
            if (rule.Case.Length > 0)
            {
                Member(json, ",\"case\":"u8, rule.Case);
            }
            json.Raw("}"u8);
        }
        json.Raw("]"u8);
    }

    private static void WriteOutcomes(CanonicalJson json, PolicyModel model)
    {
        json.Raw(",\"thresholds\":["u8);
        for (int i = 0; i < model.Thresholds.Count; i++)
        {
            Member(json, i == 0 ? "{\"score\":"u8 : ",{\"score\":"u8, model.Thresholds[i].Score);
            Member(json, ",\"outcome\":"u8, model.Thresholds[i].Outcome.ToText());
            json.Raw("}"u8);
        }
        Member(json, "],\"fallback\":{\"outcome\":"u8, model.Fallback.Outcome.ToText());
        WriteLabels(json, model.Fallback.Labels);
        WriteRoute(json, ",\"route\":"u8, model.Fallback.Route);
        json.Raw("},\"routes\":{"u8);
        bool first = true;
        foreach ((Outcome outcome, PolicyRoute route) in model.Routes.OrderBy(pair => pair.Key))
        {
            json.Raw(first ? ""u8 : ","u8);
            json.String(outcome.ToText());
            WriteRoute(json, ":"u8, route);
            first = false;
        }
        json.Raw("}"u8);
        if (model.Holds is { } holds)
        {
            Member(json, ",\"holds\":{\"expireAfterMs\":"u8, holds.ExpireAfterMs);
            Member(json, ",\"onExpiry\":"u8, holds.OnExpiry.ToText());
            json.Raw("}"u8);
        }
    }

    private static void WriteLabels(CanonicalJson json, IReadOnlyList<string> labels)
    {
        json.Raw(",\"labels\":["u8);
        for (int i = 0; i < labels.Count; i++)
        {
            Member(json, i == 0 ? ""u8 : ","u8, labels[i]);
        }
        json.Raw("]"u8);
    }

    private static void WriteRoute(CanonicalJson json, ReadOnlySpan<byte> name, PolicyRoute? route)
    {
        json.Raw(name);
        if (route is null)
        {
            json.Raw("null"u8);
            return;
        }
        json.String(route.IsSuffix ? $"*.{route.Name}" : route.Name);
    }

    private static void Member(CanonicalJson json, ReadOnlySpan<byte> name, string value)
    {
        json.Raw(name);
        json.String(value);
    }

    private static void Member(CanonicalJson json, ReadOnlySpan<byte> name, long value)
    {
        json.Raw(name);
        json.Integer(value);
    }
}
