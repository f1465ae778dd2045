using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace PipeRoll.Wire.Generator.Parsing;

/// <summary>
/// Turns the text of a definition file (docs/formats/kafka-definitions.md) into the model, or into problems with their places.
/// </summary>
public static class DefinitionParser
{
    public static DefinitionFile Parse(string path, string text)
    {
        var problems = new List<Problem>();
        List<SourceLine> lines = LineReader.Read(text, problems);
        var file = new FileParser(lines, problems);
        file.Parse();
        return new DefinitionFile(
            path,
            file.Api,
            new EquatableArray<Message>(problems.Count == 0 ? file.Messages : []),
            new EquatableArray<Problem>(problems));
    }

    private sealed class FileParser(List<SourceLine> lines, List<Problem> problems)
    {
        private string _fileComment = string.Empty;
        private int _next;

        public Api? Api { get; private set; }

        public List<Message> Messages { get; } = [];

        public void Parse()
        {
            while (_next < lines.Count)
            {
                SourceLine line = lines[_next++];
                if (line.Depth != 0)
                {
                    Problem(Rules.Syntax, line.First, "a field outside of a message: it belongs under 'request', 'response' or 'message'");
                    continue;
                }

                switch (line.First.Text)
                {
                    case "api":
                        ParseApi(line);
                        break;
                    case "request":
                    case "response":
                        ParseHalf(line);
                        break;
                    case "message":
                        ParseEmbedded(line);
                        break;
                    default:
                        string expected = "a line at the margin begins with api, request, response or message";
                        Problem(Rules.Syntax, line.First, $"'{line.First.Text}': {expected}");
                        break;
                }
            }
        }

        private void ParseApi(SourceLine line)
        {
            if (Api is not null)
            {
                Problem(Rules.Duplicate, line.First, "a second api: one file defines one");
                return;
            }

            _fileComment = line.Comment ?? string.Empty;
            int problemsBefore = problems.Count;
            Header header = ParseHeader(line, ["key", "versions", "flexible", "advertised", "served"]);
            if (header.Versions is null || header.Key is null)
            {
                ProblemUnlessKnown(problemsBefore, line.First, "an api has 'key NUMBER' and 'versions LOW-HIGH'");
                return;
            }

            int advertised = header.Advertised ?? header.Versions.Low;
            Api = new Api(header.Name, header.Key.Value, header.Versions, header.FlexibleSince, advertised, header.Served ?? advertised);
        }

        private void ParseHalf(SourceLine line)
        {
            bool isRequest = line.First.Text == "request";
            if (Api is null)
            {
                Problem(Rules.Placement, line.First, $"a {line.First.Text} before its api line");
                SkipBlock();
                return;
            }

            if (line.Words.Count > 1)
            {
                string text = $"'{line.Words[1].Text}': {line.First.Text} stands alone, versions are on the api line";
                Problem(Rules.Syntax, line.Words[1], text);
            }

            string name = Api.Name + (isRequest ? "Request" : "Response");
            string summary = line.Comment ?? _fileComment;
            Role role = isRequest ? Role.Request : Role.Response;
            ParseMessage(line, name, role, Api.Key, Api.Versions, Api.FlexibleSince, summary);
        }

        private void ParseEmbedded(SourceLine line)
        {
            int problemsBefore = problems.Count;
            Header header = ParseHeader(line, ["versions", "flexible"]);
            if (header.Versions is null)
            {
                ProblemUnlessKnown(problemsBefore, line.First, "a message has 'versions LOW-HIGH'");
                SkipBlock();
                return;
            }

            ParseMessage(line, header.Name, Role.Embedded, -1, header.Versions, header.FlexibleSince, line.Comment ?? string.Empty);
        }

        private void ParseMessage(
            SourceLine line, string name, Role role, int key, VersionRange versions, int flexibleSince, string summary)
        {
            if (Messages.Any(message => message.Name == name))
            {
                Problem(Rules.Duplicate, line.First, $"a second {name}");
            }

            var body = new BodyParser(lines, _next, problems, flexibleSince, role);
            EquatableArray<Field> fields = body.ParseFields(1, versions, name);
            _next = body.Next;
            Messages.Add(new Message(
                name, role, key, versions, flexibleSince, fields, new EquatableArray<Structure>(body.Structures), summary));
        }

        private Header ParseHeader(SourceLine line, string[] allowed)
        {
            var header = new Header();
            if (line.Words.Count < 2)
            {
                Problem(Rules.Syntax, line.First, $"'{line.First.Text}' needs a name");
                return header;
            }

            header.Name = line.Words[1].Text;
            for (int index = 2; index < line.Words.Count; index += 2)
            {
                Word word = line.Words[index];
                if (!allowed.Contains(word.Text) || index + 1 >= line.Words.Count)
                {
                    Problem(Rules.Syntax, word, $"'{word.Text}': expected {string.Join(", ", allowed)}, each with a value");
                    return header;
                }

                if (!header.Set(word.Text, line.Words[index + 1].Text))
                {
                    Problem(Rules.Versions, line.Words[index + 1], $"'{line.Words[index + 1].Text}' is not a value of {word.Text}");
                }
            }

            return header;
        }

        private void SkipBlock()
        {
            while (_next < lines.Count && lines[_next].Depth > 0)
            {
                _next++;
            }
        }

        /// <summary>What is missing is said only if nothing was said about the line yet.</summary>
        private void ProblemUnlessKnown(int problemsBefore, Word word, string text)
        {
            if (problems.Count == problemsBefore)
            {
                Problem(Rules.Syntax, word, text);
            }
        }

        private void Problem(string rule, Word word, string text) =>
            problems.Add(new Problem(rule, word.Line, word.Column, word.Text.Length, text));
    }

    private sealed class Header
    {
        public string Name { get; set; } = string.Empty;

        public int? Key { get; private set; }

        public VersionRange? Versions { get; private set; }

        public int FlexibleSince { get; private set; } = short.MaxValue;

        public int? Advertised { get; private set; }

        public int? Served { get; private set; }

        public bool Set(string attribute, string value)
        {
            switch (attribute)
            {
                case "key":
                    Key = Number(value);
                    return Key is not null;
                case "versions":
                    Versions = VersionText.Closed(value);
                    return Versions is not null;
                case "flexible":
                    FlexibleSince = VersionText.Since(value) ?? short.MaxValue;
                    return FlexibleSince != short.MaxValue;
                case "advertised":
                    Advertised = VersionText.Since(value);
                    return Advertised is not null;
                default:
                    Served = VersionText.Since(value);
                    return Served is not null;
            }
        }

        private static int? Number(string text) =>
            short.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out short value) ? value : null;
    }
}
