namespace PipeRoll.Cel;

/// <summary>The function names that operators are turned into.</summary>
internal static class Operators
{
    public const string And = "_&&_";
    public const string Or = "_||_";
    public const string Not = "!_";
    public const string Conditional = "_?_:_";
    public const string Equal = "_==_";
    public const string NotEqual = "_!=_";
    public const string Less = "_<_";
    public const string LessOrEqual = "_<=_";
    public const string Greater = "_>_";
    public const string GreaterOrEqual = "_>=_";
    public const string In = "@in";
    public const string Add = "_+_";
    public const string Subtract = "_-_";
    public const string Multiply = "_*_";
    public const string Divide = "_/_";
    public const string Modulo = "_%_";
    public const string Negate = "-_";
    public const string Index = "_[_]";
    public const string OptionalIndex = "_[?_]";

    /// <summary>How people know the function: <c>+</c> for <c>_+_</c>, unchanged where it has a name of its own.</summary>
    public static string Spelling(string function) => function switch
    {
        In => "in",
        Conditional => "?:",
        Index => "[]",
        OptionalIndex => "[?]",
        _ when !char.IsLetter(function[0]) && function[0] != '@' || function[0] == '_' => function.Trim('_') is { Length: > 0 } name
            ? name
            : function,
        _ => function,
    };
}
