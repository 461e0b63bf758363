# Installs, updates or removes the Pulse agent on Windows. It may be run again at any time: what is not given
# then stays as it was.
#   & ([scriptblock]::Create((irm URL/install.ps1))) -Url URL -Token TOKEN
param(
    [string]$Url = $env:PULSE_URL,
    [string]$Token = $env:PULSE_TOKEN,
    [string]$Interval = $env:PULSE_INTERVAL,
    [switch]$Uninstall
)
$ErrorActionPreference = 'Stop'
$Remove = $false
$Folder = Join-Path $env:ProgramData 'pulse-agent'
$Binary = Join-Path $Folder 'pulse-agent.exe'
$Task = 'PulseAgent'

$me = New-Object Security.Principal.WindowsPrincipal([Security.Principal.WindowsIdentity]::GetCurrent())
if (-not $me.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)) { throw 'Run this as an administrator.' }

function Stop-Agent {
    if (Get-ScheduledTask -TaskName $Task -ErrorAction SilentlyContinue) {
        Stop-ScheduledTask -TaskName $Task
        Unregister-ScheduledTask -TaskName $Task -Confirm:$false
    }
}

if ($Uninstall -or $Remove) {
    Stop-Agent
    if (Test-Path $Folder) { Remove-Item -Recurse -Force $Folder }
    Write-Host 'pulse-agent: removed'
    return
}
$TokenFile = Join-Path $Folder 'token'
$before = Get-ScheduledTask -TaskName $Task -ErrorAction SilentlyContinue
if ($before) {
    $given = [string]$before.Actions[0].Arguments
    if (-not $Url -and $given -match '--url "([^"]+)"') { $Url = $Matches[1] }
    if (-not $Interval -and $given -match '--interval (\S+)') { $Interval = $Matches[1] }
}
if (-not $Url) { throw '-Url is missing: give the address of the Pulse server.' }
if (-not $Token -and -not (Test-Path $TokenFile)) { throw '-Token is missing: make one in the settings of the server.' }
$Url = $Url.TrimEnd('/')
$arch = switch ($env:PROCESSOR_ARCHITECTURE) { 'ARM64' { 'windows-arm64' } 'x86' { 'windows-386' } default { 'windows-amd64' } }
New-Item -ItemType Directory -Force $Folder | Out-Null
# Administrators and the system only: the token lies here.
icacls $Folder /inheritance:r /grant:r '*S-1-5-18:(OI)(CI)F' '*S-1-5-32-544:(OI)(CI)F' | Out-Null
$fresh = "$Binary.new"
$answer = Invoke-WebRequest -UseBasicParsing -Uri "$Url/download/pulse-agent?arch=$arch" -OutFile $fresh -PassThru
$wanted = [string]$answer.Headers['X-Checksum-Sha256']
$found = (Get-FileHash -Algorithm SHA256 $fresh).Hash.ToLower()
if (-not $wanted -or $wanted -ne $found) { Remove-Item $fresh; throw "The checksum does not match (wanted $wanted, found $found); nothing was changed." }
Stop-Agent
Move-Item -Force $fresh $Binary
if ($Token) { Set-Content -NoNewline -Path $TokenFile -Value $Token }
$arguments = "--url `"$Url`" --token-file `"$TokenFile`""
if ($Interval) { $arguments += " --interval $Interval" }
$run = New-ScheduledTaskAction -Execute $Binary -Argument $arguments
$when = New-ScheduledTaskTrigger -AtStartup
$limits = New-ScheduledTaskSettingsSet -ExecutionTimeLimit 0 -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1)
Register-ScheduledTask -TaskName $Task -Action $run -Trigger $when -Settings $limits -User 'SYSTEM' -RunLevel Highest | Out-Null
Start-ScheduledTask -TaskName $Task
Write-Host "pulse-agent: installed in $Folder, started by the task $Task, reports to $Url"
