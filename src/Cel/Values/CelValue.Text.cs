using System.Globalization;
using System.Text;

namespace PipeRoll.Cel;

/// <summary>How values are shown in messages: as the language would write them, cut at a bounded length.</summary>
public readonly partial struct CelValue
{
    private const int ShownItemsMax = 10;
    private const int ShownDepthMax = 4;

    public override string ToString()
    {
        var text = new StringBuilder();
        Show(text, ShownDepthMax);
        return text.ToString();
    }

    private void Show(StringBuilder text, int depth)
    {
        switch (_kind)
        {
            case CelKind.Null:
                text.Append("null");
                break;
            case CelKind.Bool:
                text.Append(BoolValue ? "true" : "false");
                break;
            case CelKind.Int:
                text.Append(CultureInfo.InvariantCulture, $"{IntValue}");
                break;
            case CelKind.Uint:
                text.Append(CultureInfo.InvariantCulture, $"{UintValue}u");
                break;
            case CelKind.Double:
                text.Append(CultureInfo.InvariantCulture, $"{DoubleValue}");
                break;
            case CelKind.String:
                ShowText(text, StringValue);
                break;
            case CelKind.Bytes:
                text.Append("b'").Append(Convert.ToHexString(BytesValue.AsSpan(0, Math.Min(BytesValue.Length, 32)))).Append('\'');
                break;
            case CelKind.Timestamp or CelKind.Duration:
                text.Append(_kind == CelKind.Timestamp ? "timestamp(" : "duration(");
                text.Append(CultureInfo.InvariantCulture, $"{Seconds}s {Nanos}ns)");
                break;
            case CelKind.Type:
                text.Append(TypeValue.Name);
                break;
            case CelKind.Error:
                text.Append("error: ").Append(ErrorValue.Message);
                break;
            case CelKind.Optional:
                text.Append(HasOptionalValue ? "optional.of(…)" : "optional.none()");
                break;
            default:
                ShowItems(text, depth - 1);
                break;
        }
    }

    private static void ShowText(StringBuilder text, string value)
    {
        text.Append('\'').Append(value.AsSpan(0, Math.Min(value.Length, 100))).Append(value.Length > 100 ? "…'" : "'");
    }

    private void ShowItems(StringBuilder text, int depth)
    {
        (char open, char close, int count) = _kind switch
        {
            CelKind.List => ('[', ']', ListValue.Count),
            CelKind.Map => ('{', '}', MapValue.Count),
            _ => ('{', '}', StructValue.StructType.Fields.Count),
        };
        text.Append(_kind == CelKind.Struct ? StructValue.StructType.Name : "").Append(open);
        for (int index = 0; index < count && depth > 0 && index < ShownItemsMax; index++)
        {
            text.Append(index > 0 ? ", " : "");
            ShowItem(text, index, depth);
        }

        text.Append(count > ShownItemsMax || depth <= 0 ? "…" : "").Append(close);
    }

    private void ShowItem(StringBuilder text, int index, int depth)
    {
        switch (_kind)
        {
            case CelKind.List:
                ListValue[index].Show(text, depth);
                break;
            case CelKind.Map:
                MapValue.KeyAt(index).Show(text, depth);
                text.Append(": ");
                MapValue.ValueAt(index).Show(text, depth);
                break;
            default:
                text.Append(StructValue.StructType.Fields[index].Name).Append(": ");
                StructValue.GetField(index).Show(text, depth);
                break;
        }
    }
}
