namespace PipeRoll.Cel.Parsing;

/// <summary>Which groups of macros the environment has.</summary>
[Flags]
internal enum MacroSet
{
    None = 0,
    Standard = 1,
    TwoVariables = 2,
    Bindings = 4,
    Optionals = 8,
    Lists = 16,
    Math = 32,
    Blocks = 64,
    Protobuf = 128,
}
