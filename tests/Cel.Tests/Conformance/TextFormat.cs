using System.Text;
using System.Text.Json.Nodes;

namespace PipeRoll.Cel.Tests.Conformance;

/// <summary>
/// Reads as much of protobuf's text format as the suite needs, into JSON (escapes are not decoded): repeated fields become arrays when they occur
/// twice, a field in brackets that is a type's URL becomes "@type" and the fields of its message.
/// </summary>
internal sealed class TextFormat
{
    private readonly string _text;
    private int _at;

    private TextFormat(string text) => _text = text;

    public static JsonObject Read(string text) => new TextFormat(text).Message('\0');

    private char Peek()
    {
        while (_at < _text.Length && (char.IsWhiteSpace(_text[_at]) || _text[_at] is '#' or ',' or ';'))
        {
            _at = _text[_at] == '#' ? _text.IndexOf('\n', _at) : _at + 1;
        }

        return _at < _text.Length ? _text[_at] : '\0';
    }

    private JsonObject Message(char end)
    {
        var made = new JsonObject();
        while (Peek() != end)
        {
            string name = Peek() == '[' ? Until(']') : Word();
            if (Peek() == ':')
            {
                _at++;
            }

            JsonNode? value = Value();
            if (name.Contains('/'))
            {
                made = (JsonObject)value!;
                made["@type"] = name[1..^1];
            }
            else if (made.TryGetPropertyValue(name, out JsonNode? before))
            {
                made.Remove(name);
                made[name] = before is JsonArray array ? array : new JsonArray(before);
                ((JsonArray)made[name]!).Add(value);
            }
            else
            {
                made[name] = value;
            }
        }

        _at++;
        return made;
    }

    private JsonNode? Value()
    {
        switch (Peek())
        {
            case '{':
                _at++;
                return Message('}');
            case '[':
                _at++;
                var array = new JsonArray();
                while (Peek() != ']')
                {
                    array.Add(Value());
                }

                _at++;
                return array;
            case '"' or '\'':
                return Text();
            default:
                string word = Word();
                return word is "true" or "false" ? word == "true" : long.TryParse(word, out long number) ? number : word;
        }
    }

    private string Text()
    {
        var text = new StringBuilder();
        while (Peek() is '"' or '\'')
        {
            char quote = _text[_at++];
            for (; _text[_at] != quote; _at++)
            {
                text.Append(_text[_at] == '\\' ? _text[++_at] : _text[_at]);
            }

            _at++;
        }

        return text.ToString();
    }

    private string Until(char last)
    {
        int start = _at;
        _at = _text.IndexOf(last, _at) + 1;
        return _text[start.._at];
    }

    private string Word()
    {
        int start = _at;
        while (_at < _text.Length && (char.IsLetterOrDigit(_text[_at]) || _text[_at] is '_' or '.' or '-'))
        {
            _at++;
        }

        return _at > start ? _text[start.._at] : throw new FormatException($"'{_text[_at]}' is not expected at {_at}.");
    }
}
