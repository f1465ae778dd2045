using System.Net;
using System.Net.Sockets;
using Amazon.Runtime;

namespace PipeRoll.Streams.Stores.S3;

/// <summary>What each failure of a request means to us. The table of docs/OPERATIONS.md, section "Object store".</summary>
internal static class S3Errors
{
    private const int TooManyRequests = 429;
    private const int InsufficientStorage = 507;

    /// <summary>The failure as callers of <see cref="IObjectStore"/> see it; null when it is none of the store's (a bug of ours).</summary>
    /// <param name="what">Operation and key, for the message.</param>
    /// <param name="conditional">The request was a create-if-absent.</param>
    public static ObjectStoreException? Translate(Exception failure, string what, bool conditional) => failure switch
    {
        ObjectStoreException already => already,
        AmazonServiceException { StatusCode: not 0 } answer => FromAnswer(answer, what, conditional),
        AmazonServiceException or HttpRequestException or IOException or SocketException =>
            Of(ObjectStoreErrorKind.Transient, what, $"no answer: {Innermost(failure)}", failure),
        AmazonClientException client when IsNetwork(client) =>
            Of(ObjectStoreErrorKind.Transient, what, $"no answer: {Innermost(failure)}", failure),
        AmazonClientException client =>
            Of(ObjectStoreErrorKind.Refused, what, $"{client.Message}: no credentials to be had; give an access key and a secret key, or an "
                + "environment in which AWS's default chain finds some", failure),
        _ => null,
    };

    public static ObjectStoreException TimedOut(string what, TimeSpan after) => new(
        ObjectStoreErrorKind.Transient, $"{what}: no answer within {after.TotalSeconds:0.#} s; it may have taken effect");

    private static ObjectStoreException FromAnswer(AmazonServiceException answer, string what, bool conditional)
    {
        int status = (int)answer.StatusCode;
        string code = answer.ErrorCode ?? "";
        string text = $"{status} {code}: {answer.Message}";
        return (status, code) switch
        {
            (_, "NoSuchBucket") => Of(ObjectStoreErrorKind.Refused, what, $"{text}; create the bucket (unversioned) or correct its name", answer),
            (_, "NoSuchUpload") => Of(ObjectStoreErrorKind.Permanent, what, $"{text}; somebody ended the upload, it must be made anew", answer),
            (404, _) => Of(ObjectStoreErrorKind.NotFound, what, text, answer),
            (412, _) when conditional => Of(ObjectStoreErrorKind.AlreadyExists, what, text, answer),
            (_, "RequestTimeTooSkewed") => Of(
                ObjectStoreErrorKind.Transient, what, $"{text}; the clocks differ: the store's is followed from now on", answer),
            (InsufficientStorage, _) or (_, "QuotaExceeded") or (_, "XMinioStorageFull") or (_, "XMinioAdminBucketQuotaExceeded") => Of(
                ObjectStoreErrorKind.Refused, what, $"{text}; the store is full: make room or raise the quota, and writing goes on by itself", answer),
            (503, _) or (TooManyRequests, _) or (_, "SlowDown") => Overloaded(what, text, answer),
            (401 or 403, _) => Of(
                ObjectStoreErrorKind.Refused, what, $"{text}; check the access key, the secret key and what the bucket's policy allows them", answer),

            // A conditional write that failed so may have taken effect, or its rival may have: the caller reads back. What came as a success and
            // could not be read broke off, or told of a failure that was met later.
            (408 or 409 or >= 500 or < 300, _) or (_, "RequestTimeout" or "BadDigest" or "XAmzContentSHA256Mismatch" or "IncompleteBody") =>
                Of(ObjectStoreErrorKind.Transient, what, text, answer),
            (301 or 307, _) or (_, "AuthorizationHeaderMalformed") => Of(
                ObjectStoreErrorKind.Permanent, what, $"{text}; the bucket is in another region: correct the region or the endpoint", answer),
            _ => Of(ObjectStoreErrorKind.Permanent, what, text, answer),
        };
    }

    private static bool IsNetwork(Exception failure)
    {
        for (Exception? inner = failure.InnerException; inner is not null; inner = inner.InnerException)
        {
            if (inner is HttpRequestException or IOException or SocketException or WebException or OperationCanceledException)
            {
                return true;
            }
        }

        return false;
    }

    private static string Innermost(Exception failure) => failure.GetBaseException().Message;

    private static ObjectStoreException Overloaded(string what, string text, Exception inner) =>
        new(ObjectStoreErrorKind.Transient, $"{what}: {text}", inner) { Overloaded = true };

    private static ObjectStoreException Of(ObjectStoreErrorKind kind, string what, string text, Exception inner) =>
        new(kind, $"{what}: {text}", inner);
}
