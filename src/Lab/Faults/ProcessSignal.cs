using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Tenfold.Lab.Faults;

/// <summary>Stops and continues a process from outside (POSIX SIGSTOP, SIGCONT), as a long garbage collection or a frozen machine would.</summary>
internal static partial class ProcessSignal
{
    private const int LinuxContinue = 18;
    private const int LinuxStop = 19;
    private const int MacContinue = 19;
    private const int MacStop = 17;

    public static bool Supported => OperatingSystem.IsLinux() || OperatingSystem.IsMacOS();

    public static void Pause(Process process) => Send(process, OperatingSystem.IsMacOS() ? MacStop : LinuxStop);

    public static void Continue(Process process) => Send(process, OperatingSystem.IsMacOS() ? MacContinue : LinuxContinue);

    private static void Send(Process process, int signal)
    {
        if (!Supported)
            throw new LabException("This system has no SIGSTOP: the pause fault needs Linux or macOS.");
        // A process that is gone, or an id of 0 or less (which would mean a whole group), is never signalled.
        if (process.HasExited || process.Id <= 1)
            return;
        _ = Kill(process.Id, signal);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
