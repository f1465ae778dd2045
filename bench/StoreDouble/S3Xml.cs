using System.Globalization;
using System.Security;
using System.Text;
using System.Xml;

namespace PipeRoll.StoreDouble;

/// <summary>The few documents of the S3 protocol that clients of ours read and write.</summary>
internal static class S3Xml
{
    public const string NothingFailed = Head + "<DeleteResult " + Namespace + "/>";

    public const string Unversioned = Head + "<VersioningConfiguration " + Namespace + "/>";

    private const string Head = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";

    private const string Namespace = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";

    private const string AnyTime = "2020-01-01T00:00:00.000Z";

    public static string Error(string code, string message, string resource) =>
        $"{Head}<Error><Code>{code}</Code><Message>{message}</Message><Resource>{Escape(resource)}</Resource><RequestId>0</RequestId></Error>";

    public static string Begun(string bucket, string key, string upload) =>
        $"{Head}<InitiateMultipartUploadResult {Namespace}><Bucket>{Escape(bucket)}</Bucket><Key>{Escape(key)}</Key><UploadId>{upload}</UploadId>"
        + "</InitiateMultipartUploadResult>";

    public static string Completed(string bucket, string key, string tag) =>
        $"{Head}<CompleteMultipartUploadResult {Namespace}><Bucket>{Escape(bucket)}</Bucket><Key>{Escape(key)}</Key><ETag>{Escape(tag)}</ETag>"
        + "</CompleteMultipartUploadResult>";

    /// <param name="found">Names as <c>bucket/key</c>; one more than <paramref name="max"/> when there are more.</param>
    public static string Listing(string bucket, string prefix, List<(string Name, int Length)> found, int max)
    {
        bool more = found.Count > max;
        int count = Math.Min(found.Count, max);
        var text = new StringBuilder(Head, 256 + (count * 160));
        text.Append(CultureInfo.InvariantCulture, $"<ListBucketResult {Namespace}><Name>{Escape(bucket)}</Name><Prefix>{Escape(prefix)}</Prefix>");
        text.Append(CultureInfo.InvariantCulture, $"<MaxKeys>{max}</MaxKeys><KeyCount>{count}</KeyCount>");
        text.Append(more ? "<IsTruncated>true</IsTruncated>" : "<IsTruncated>false</IsTruncated>");
        foreach ((string name, int length) in found.Take(count))
        {
            text.Append(CultureInfo.InvariantCulture, $"<Contents><Key>{Escape(name[(bucket.Length + 1)..])}</Key>");
            text.Append(CultureInfo.InvariantCulture, $"<LastModified>{AnyTime}</LastModified><ETag>&quot;0&quot;</ETag>");
            text.Append(CultureInfo.InvariantCulture, $"<Size>{length}</Size><StorageClass>STANDARD</StorageClass></Contents>");
        }

        if (more)
        {
            string last = Escape(found[count - 1].Name[(bucket.Length + 1)..]);
            text.Append(CultureInfo.InvariantCulture, $"<NextContinuationToken>{last}</NextContinuationToken>");
        }

        return text.Append("</ListBucketResult>").ToString();
    }

    public static List<string> KeysToDelete(ReadOnlyMemory<byte> document)
    {
        var keys = new List<string>();
        using var reader = XmlReader.Create(new StringReader(Encoding.UTF8.GetString(document.Span)));
        while (reader.ReadToFollowing("Key"))
        {
            keys.Add(reader.ReadElementContentAsString());
        }

        return keys;
    }

    private static string Escape(string text) => SecurityElement.Escape(text);
}
