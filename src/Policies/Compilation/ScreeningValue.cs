using PipeRoll.Cel;

namespace PipeRoll.Policies.Compilation;

/// <summary>
/// What <c>screen('LIST', text)</c> gives: <c>score</c>, <c>listed</c>, <c>id</c>, <c>name</c>, <c>matched</c>, <c>count</c>,
/// <c>explanation</c>.
/// </summary>
internal sealed class ScreeningValue(NameScreening screening) : CelStruct
{
    public static readonly CelStructType Type = new(
        "Screening",
        new CelField("score", CelType.Int),
        new CelField("listed", CelType.Bool),
        new CelField("id", CelType.String),
        new CelField("name", CelType.String),
        new CelField("matched", CelType.String),
        new CelField("count", CelType.Int),
        new CelField("explanation", CelType.String));

    public override CelStructType StructType => Type;

    public override CelValue GetField(int index) => index switch
    {
        0 => CelValue.Int(screening.Score),
        1 => CelValue.Bool(screening.IsListed),
        2 => CelValue.String(screening.Id),
        3 => CelValue.String(screening.Name),
        4 => CelValue.String(screening.Matched),
        5 => CelValue.Int(screening.Count),
        _ => CelValue.String(screening.Explanation),
    };

    public override bool HasField(int index) => true;
}
