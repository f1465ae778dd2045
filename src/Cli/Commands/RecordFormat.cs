using System.Globalization;
using System.Text;
using Confluent.Kafka;

namespace PipeRoll.Cli.Commands;

/// <summary>
/// A format string for records: %k key, %s value, %o offset, %p partition, %T timestamp in ms, %h headers as name=value, %t topic, %K and
/// %S
/// lengths of key and value in bytes (-1 for none), %% a percent sign; \n, \t, \r and \\ as usual.
/// </summary>
internal sealed class RecordFormat
{
    private readonly List<Action<StringBuilder, ConsumeResult<byte[]?, byte[]?>>> _parts = [];

    public RecordFormat(string format)
    {
        for (int index = 0; index < format.Length; index++)
        {
            char c = format[index];
            if (c is '%' or '\\' && index + 1 < format.Length)
            {
                _parts.Add(c == '%' ? Field(format[++index]) : Literal(Escaped(format[++index])));
            }
            else
            {
                _parts.Add(Literal(c));
            }
        }
    }

    public string Write(ConsumeResult<byte[]?, byte[]?> record)
    {
        var text = new StringBuilder();
        foreach (Action<StringBuilder, ConsumeResult<byte[]?, byte[]?>> part in _parts)
        {
            part(text, record);
        }

        return text.ToString();
    }

    /// <summary>Bytes as text; what is no UTF-8 shows as replacement characters.</summary>
    public static string? Text(byte[]? bytes) => bytes is null ? null : Encoding.UTF8.GetString(bytes);

    private static char Escaped(char c) => c switch
    {
        'n' => '\n',
        't' => '\t',
        'r' => '\r',
        '\\' => '\\',
        _ => throw new UsageException($"\\{c} means nothing in a format: use \\n, \\t, \\r or \\\\"),
    };

    private static Action<StringBuilder, ConsumeResult<byte[]?, byte[]?>> Literal(char c) => (text, _) => text.Append(c);

    private static Action<StringBuilder, ConsumeResult<byte[]?, byte[]?>> Field(char field) => field switch
    {
        'k' => (text, record) => text.Append(Text(record.Message.Key)),
        's' => (text, record) => text.Append(Text(record.Message.Value)),
        'o' => (text, record) => text.Append(record.Offset.Value),
        'p' => (text, record) => text.Append(record.Partition.Value),
        't' => (text, record) => text.Append(record.Topic),
        'T' => (text, record) => text.Append(record.Message.Timestamp.UnixTimestampMs),
        'K' => (text, record) => text.Append(record.Message.Key?.Length ?? -1),
        'S' => (text, record) => text.Append(record.Message.Value?.Length ?? -1),
        'h' => (text, record) => text.AppendJoin(
            ',', record.Message.Headers.Select(header => $"{header.Key}={Text(header.GetValueBytes())}")),
        '%' => (text, _) => text.Append('%'),
        _ => throw new UsageException(string.Create(
            CultureInfo.InvariantCulture, $"%{field} means nothing in a format: use %k %s %o %p %t %T %h %K %S or %%")),
    };
}
