using System.Net.Sockets;

namespace LlmService.Hub;

/// <summary>From a failure without an answer to its diagnosis.</summary>
internal static class NetworkFailures
{
    // errno on Unix and ERROR_* on Windows, as .NET hands them on.
    private const int NoSpaceUnix = 28;
    private const int QuotaExceededLinux = 122;
    private const int DiskFullWindows = unchecked((int)0x80070070);
    private const int HandleDiskFullWindows = unchecked((int)0x80070027);

    public static HubDiagnosis Diagnose(HttpRequestException failure) => failure.HttpRequestError switch
    {
        HttpRequestError.NameResolutionError => HubDiagnosis.Offline,
        HttpRequestError.ConnectionError when IsNetworkDown(failure.InnerException) => HubDiagnosis.Offline,
        HttpRequestError.ConnectionError => HubDiagnosis.Blocked,
        HttpRequestError.SecureConnectionError => HubDiagnosis.TlsUntrusted,
        HttpRequestError.ProxyTunnelError => (int?)failure.StatusCode == 407 ? HubDiagnosis.ProxyAuth : HubDiagnosis.Blocked,
        HttpRequestError.InvalidResponse or HttpRequestError.ConfigurationLimitExceeded => HubDiagnosis.NotTheHub,
        _ => HubDiagnosis.HubUnavailable,
    };

    public static bool IsDiskFull(IOException failure) =>
        failure.HResult is NoSpaceUnix or QuotaExceededLinux or DiskFullWindows or HandleDiskFullWindows;

    /// <summary>Whether the cache may stand in: the Hub said nothing, or nothing about this caller.</summary>
    public static bool IsTransient(HubDiagnosis diagnosis) => diagnosis is HubDiagnosis.HubUnavailable
        or HubDiagnosis.Offline or HubDiagnosis.Blocked or HubDiagnosis.TlsUntrusted or HubDiagnosis.ProxyAuth
        or HubDiagnosis.NotTheHub or HubDiagnosis.RateLimited or HubDiagnosis.EndpointUnsupported or HubDiagnosis.SignedUrlExpired;

    private static bool IsNetworkDown(Exception? inner) => inner is SocketException
    {
        SocketErrorCode: SocketError.NetworkDown or SocketError.NetworkUnreachable or SocketError.HostUnreachable
            or SocketError.HostNotFound or SocketError.TryAgain or SocketError.NoData
    };
}
