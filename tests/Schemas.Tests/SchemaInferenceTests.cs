using System.Text.Json;

namespace PipeRoll.Schemas.Tests;

public sealed class SchemaInferenceTests
{
    [Fact]
    public void TransfersOfASimulatorAreKeyedByTheirSourceAndTimedByTheStep()
    {
        InferredSchema inferred = Csv("sourceNodeId,targetNodeId,value,time", "216,14730,163.3,1", "322,5431,143.11,1", "216,9,17,2");
        Assert.Equal("sourceNodeId", inferred.KeyField);
        Assert.Equal(("time", TimeNotation.Step), (inferred.TimeField, inferred.TimeNotation));
        Assert.Null(inferred.LabelField);
        Assert.Equal([FieldKind.Long, FieldKind.Long, FieldKind.Double, FieldKind.Long], Kinds(inferred));
    }

    [Fact]
    public void RegistrationsAreKeyedByEmailTimedByTheEventAndLabelled()
    {
        InferredSchema inferred = Csv(
            "ip_address,email_address,EVENT_TIMESTAMP,EVENT_LABEL",
            "46.41.252.160,fake_acostasusan@example.org,2022-05-30T00:00:18Z,legit",
            "152.58.247.12,fake_christopheryoung@example.com,2023-01-12T23:00:18Z,fraud");
        Assert.Equal("email_address", inferred.KeyField);
        Assert.Equal(("EVENT_TIMESTAMP", TimeNotation.Iso8601), (inferred.TimeField, inferred.TimeNotation));
        Assert.Equal("EVENT_LABEL", inferred.LabelField);
        Assert.Equal([FieldKind.String, FieldKind.String, FieldKind.Timestamp, FieldKind.String], Kinds(inferred));
    }

    [Fact]
    public void CardTransactionsAreKeyedByTheEntityNotByTheEvent()
    {
        InferredSchema inferred = Csv(
            "EVENT_LABEL,EVENT_TIMESTAMP,LABEL_TIMESTAMP,EVENT_ID,ENTITY_TYPE,ENTITY_ID,card_bin,customer_name,billing_zip,"
            + "billing_latitude,ip_address,customer_email,billing_phone,order_price,payment_currency,merchant",
            "0,2022-12-24T15:53:30Z,2022-12-24T15:53:30Z,1012,customer,070-69-2161,304027,Dennis,14784,42.3,25.45.36.165,"
            + "j@lynch.org,+1-021-436,7.53,BIF,fraud_Gerlach Inc",
            "1,2022-12-02T06:58:04Z,2022-12-02T06:58:04Z,101a,customer,016-45-7761,601104,Patricia,84784,37,72.219.28.1,"
            + "n@yahoo.com,5855884205,816.33,ZWD,fraud_Pouros");
        Assert.Equal("ENTITY_ID", inferred.KeyField);
        Assert.Equal("EVENT_TIMESTAMP", inferred.TimeField);
        Assert.Equal("EVENT_LABEL", inferred.LabelField);
        Assert.Equal(FieldKind.Double, inferred.Schema.Find("billing_latitude")!.Kind);
        Assert.Equal(FieldKind.String, inferred.Schema.Find("billing_phone")!.Kind);
    }

    [Theory]
    [InlineData("account,amount,ts", "a,1.5,1700000000000", "account", "ts", TimeNotation.UnixMilliseconds)]
    [InlineData("amount,UserID,created_at", "1.5,u,1700000000", "UserID", "created_at", TimeNotation.UnixSeconds)]
    [InlineData("transaction_id,from_account,to_account,when", "t,a,b,2024-05-01 12:30:00", "from_account", "when", TimeNotation.Iso8601)]
    [InlineData("step,type,amount,nameOrig,nameDest,isFraud", "1,PAYMENT,9.5,C12,M19,0", "nameOrig", "step", TimeNotation.Step)]
    [InlineData("birth_date,customer_id,trans_date", "1980-01-01,7,2024-01-01", "customer_id", "trans_date", TimeNotation.Iso8601)]
    [InlineData("to_account,from_account,date", "a,b,2024-01-01", "from_account", "date", TimeNotation.Iso8601)]
    [InlineData("accountid,merchant,time", "7,m,12", "accountid", "time", TimeNotation.Step)]
    public void CommonColumnNamesAreRecognised(string header, string row, string key, string time, TimeNotation notation)
    {
        InferredSchema inferred = Csv(header, row);
        Assert.Equal((key, time, notation), (inferred.KeyField, inferred.TimeField, inferred.TimeNotation));
    }

    [Fact]
    public void NothingIsGuessedFromNothing()
    {
        InferredSchema inferred = Csv("a,b", "1,x", "2,y");
        Assert.Null(inferred.KeyField);
        Assert.Null(inferred.TimeField);
        Assert.Null(inferred.TimeNotation);
        Assert.Null(inferred.LabelField);
    }

    [Fact]
    public void AConstantColumnIsNoKeyWhenTheSampleIsLargeEnough()
    {
        string[] rows = [.. Enumerable.Range(0, 50).Select(static row => $"bank-1,user{row % 7}@example.org")];
        Assert.Equal("email", Csv(["account,email", .. rows]).KeyField);
    }

    [Theory]
    [InlineData("1", "2", FieldKind.Long)]
    [InlineData("1", "2.5", FieldKind.Double)]
    [InlineData("-1e-3", "2", FieldKind.Double)]
    [InlineData("true", "False", FieldKind.Boolean)]
    [InlineData("true", "1", FieldKind.String)]
    [InlineData("01234", "56789", FieldKind.String)]
    [InlineData("9223372036854775807", "1", FieldKind.Long)]
    [InlineData("99999999999999999999", "1", FieldKind.Double)]
    [InlineData("2024-05-01", "2024-05-01T10:00:00+02:00", FieldKind.Timestamp)]
    [InlineData("2024-13-01", "2024-05-01", FieldKind.String)]
    [InlineData("1.2.3", "4", FieldKind.String)]
    [InlineData("NaN", "4", FieldKind.String)]
    [InlineData("-", "4", FieldKind.String)]
    public void AColumnIsTheNarrowestKindThatFitsAllItsValues(string one, string other, FieldKind kind)
    {
        InferredSchema inferred = Csv("x", one, other);
        Assert.Equal(new RecordField("x", kind, false), inferred.Schema.Fields[0]);
        Assert.Equal(kind, Csv("x", other, one).Schema.Fields[0].Kind);
    }

    [Fact]
    public void EmptyCellsAndShortRowsMakeAColumnNullable()
    {
        InferredSchema inferred = Csv("a,b,c", "1,,3", "1,2");
        Assert.Equal([false, true, true], inferred.Schema.Fields.Select(static field => field.IsNullable));
        Assert.Equal(FieldKind.String, Csv("a,b", "1").Schema.Find("b")!.Kind);
    }

    [Fact]
    public void TwoColumnsOfOneNameAreRefusedByName()
    {
        ArgumentException refused = Assert.Throws<ArgumentException>(static () => Csv("a,a", "1,2"));
        Assert.Contains("'a'", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void JsonKeepsItsOwnTypes()
    {
        InferredSchema inferred = Json(
            """{"eventTime":"2023-07-10T11:45:00Z","user":"7","count":1,"ratio":1,"ok":true,"detail":{"a":1},"gone":null}""",
            """{"eventTime":"2023-07-10T11:46:00Z","user":"8","count":2,"ratio":2.5,"ok":false,"detail":null,"late":[1]}""",
            "17");
        Assert.Equal(
            [
                new RecordField("eventTime", FieldKind.Timestamp, false),
                new RecordField("user", FieldKind.String, false),
                new RecordField("count", FieldKind.Long, false),
                new RecordField("ratio", FieldKind.Double, false),
                new RecordField("ok", FieldKind.Boolean, false),
                new RecordField("detail", FieldKind.Json, true),
                new RecordField("gone", FieldKind.String, true),
                new RecordField("late", FieldKind.Json, true),
            ],
            inferred.Schema.Fields);
        Assert.Equal(("user", "eventTime"), (inferred.KeyField, inferred.TimeField));
    }

    [Theory]
    [InlineData("sourceNodeId", "source node id")]
    [InlineData("EVENT_TIMESTAMP", "event timestamp")]
    [InlineData("userID", "user id")]
    [InlineData("HTTPStatusCode", "http status code")]
    [InlineData("a.b-c d", "a b c d")]
    [InlineData("", "")]
    [InlineData("éTat9", "é tat9")]
    public void NamesAreSplitIntoWords(string name, string words) => Assert.Equal(words, string.Join(' ', NameWords.Split(name)));

    [Fact]
    public void OnlyTheSampleIsRead()
    {
        int read = 0;
        IEnumerable<IReadOnlyList<string?>> Endless()
        {
            while (true)
            {
                read++;
                yield return ["1"];
            }
        }

        SchemaInference.FromColumns(["a"], Endless());
        Assert.InRange(read, 1, SchemaInference.SampleMax + 1);
    }

    private static IEnumerable<FieldKind> Kinds(InferredSchema inferred) => inferred.Schema.Fields.Select(static field => field.Kind);

    private static InferredSchema Csv(params string[] lines) =>
        SchemaInference.FromColumns(lines[0].Split(','), lines.Skip(1).Select(static line => line.Split(',')));

    private static InferredSchema Json(params string[] lines) =>
        SchemaInference.FromJson([.. lines.Select(static line => JsonDocument.Parse(line).RootElement)]);
}
