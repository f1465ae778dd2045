namespace PipeRoll.Policies.Compilation;

/// <summary>The expressions of a policy, ready to be evaluated. Immutable.</summary>
internal sealed class CompiledPolicy;
