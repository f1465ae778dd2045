using PipeRoll.Cel;

namespace PipeRoll.Policies.Compilation;

/// <summary>The expressions of a policy, ready to be evaluated over <c>event</c>, <c>lists</c> and <c>windows</c>. Immutable.</summary>
internal sealed class CompiledPolicy
{
    /// <summary>The slots of the variables.</summary>
    public const int EventSlot = 0;

    public const int ListsSlot = 1;

    public const int WindowsSlot = 2;

    public const int SlotCount = 3;

    public required CelStructType EventType { get; init; }

    public required CelStructType WindowsType { get; init; }

    public required CelStruct Lists { get; init; }

    public required CompiledWindow[] Windows { get; init; }

    public required CompiledRule[] Rules { get; init; }
}

/// <summary>A window with its expressions.</summary>
/// <param name="Window">As the policy states it.</param>
/// <param name="Key">Gives the key.</param>
/// <param name="Value">Gives what is aggregated; null for a count.</param>
/// <param name="Where">Says which events count; null for all.</param>
/// <param name="KeyField">The index of the text field that the key is, so that its bytes can be taken as they came; else −1.</param>
/// <param name="ValueField">The same for the value.</param>
internal sealed record CompiledWindow(
    PolicyWindow Window, CelProgram Key, CelProgram? Value, CelProgram? Where, int KeyField, int ValueField);

/// <summary>A rule with its expressions.</summary>
internal sealed record CompiledRule(PolicyRule Rule, CelProgram When, ReasonTemplate Reason, ReasonTemplate Case);

/// <summary>A reason in words, or the name of a case: texts and expressions in turn.</summary>
/// <param name="Parts">Empty if the rule gives no reason.</param>
internal sealed record ReasonTemplate(IReadOnlyList<ReasonPart> Parts);

/// <summary>Either a text or an expression.</summary>
internal sealed record ReasonPart(byte[] Utf8, CelProgram? Expression);
