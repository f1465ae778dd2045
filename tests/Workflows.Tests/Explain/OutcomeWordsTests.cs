using System.Text;
using PipeRoll.Policies;
using PipeRoll.Workflows.Explain;

namespace PipeRoll.Workflows.Tests.Explain;

/// <summary>Every outcome has its sentence, and every score its parts.</summary>
public class OutcomeWordsTests
{
    private static readonly PolicyBundle Policy = PolicyBundle.Parse(new PolicySource("words.yaml", """
        name: words
        version: "1"
        event:
          key: account
          time: { field: time, format: unix-ms }
          fields: { account: string, amount: double, divisor: { type: int, optional: true }, time: timestamp }
        rules:
          - { id: trusted, when: "event.account == 'own'", outcome: allow, score: -30 }
          - { id: listed, when: "event.account == 'bad'", outcome: block }
          - { id: known, when: "event.account.startsWith('ba')", outcome: block, score: 5 }
          - { id: large, when: "event.amount > 1000.0", score: 50 }
          - { id: huge, when: "event.amount > 5000.0", score: 40, outcome: alert }
          - { id: ratio, when: "has(event.divisor) && 10 / event.divisor > 3", labels: [ratio] }
        thresholds: [ { score: 40, outcome: alert }, { score: 80, outcome: hold } ]
        fallback: { outcome: hold }
        """));

    [Theory]
    [InlineData("""{"account":"a","amount":1,"time":1}""", "allow: no rule asks for more, and the score of 0 is below 40", "0")]
    [InlineData("""{"account":"own","amount":1,"time":1}""", "allow: no rule asks for more, and the score of -30 is below 40", "-30 = − trusted 30")]
    [InlineData("""{"account":"a","amount":2000,"time":1}""", "alert: the score of 50 reaches 40", "50 = large 50")]
    [InlineData("""{"account":"a","amount":9000,"time":1}""", "hold: the score of 90 reaches 80", "90 = large 50 + huge 40")]
    [InlineData(
        """{"account":"own","amount":9000,"time":1}""", "alert: rule huge asks for it; the score of 60 reaches 40",
        "60 = − trusted 30 + large 50 + huge 40")]
    [InlineData("""{"account":"bad","amount":1,"time":1}""", "block: rules listed, known ask for it", "5 = known 5")]
    [InlineData("""{"account":"a","amount":1,"time":1,"divisor":0}""", "hold: a rule could not be evaluated, and this is the fallback", "0")]
    [InlineData("""{"account":"a"}""", "hold: the event could not be judged, and this is the fallback", "0")]
    public void OutcomeAndScoreAreSaidInWords(string json, string why, string score)
    {
        var engine = new DecisionEngine(Policy, "t", 0);
        DecisionRecord decision = DecisionRecord.Parse(engine.Decide(0, 1, "k"u8, Encoding.UTF8.GetBytes(json)).Record.Span);
        Assert.Equal((why, score), (OutcomeWords.Why(decision, Policy), OutcomeWords.Score(decision, Policy)));
    }
}
