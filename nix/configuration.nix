# The rescue system: what emergency-kexec puts into its image, brought to current NixOS, and what the Debian image has.
{
  lib,
  modulesPath,
  pkgs,
  ...
}:
{
  imports = [
    (modulesPath + "/installer/netboot/netboot.nix")
    (modulesPath + "/profiles/minimal.nix")
  ];

  hardware.enableAllHardware = true;
  hardware.enableRedistributableFirmware = true;
  boot.supportedFilesystems = {
    btrfs = true;
    ext4 = true;
    ntfs = true;
    vfat = true;
    xfs = true;
  };
  boot.swraid.enable = true;
  # udev starts no array; the person does, past this file: mdadm --assemble --scan --config=partitions.
  # Without an address the monitor of those that run would fail.
  boot.swraid.mdadmConf = ''
    AUTO -all
    MAILADDR root
  '';

  boot.kernelParams = [
    "panic=30"
    "nomodeset"
    "md_mod.start_ro=1"
  ];
  boot.kernel.sysctl = {
    "vm.overcommit_memory" = "1";
    "vm.swappiness" = 100;
    "kernel.panic" = 30;
    "kernel.sysrq" = 1;
  };
  zramSwap.enable = true;
  services.journald.extraConfig = ''
    Storage=volatile
    RuntimeMaxUse=16M
  '';
  systemd.settings.Manager = {
    RuntimeWatchdogSec = "60s";
    RebootWatchdogSec = "2min";
    DefaultTimeoutStopSec = "10s";
  };

  environment.systemPackages = with pkgs; [
    arch-install-scripts
    btrfs-progs
    cryptsetup
    curl
    ddrescue
    dosfstools
    e2fsprogs
    ethtool
    file
    gptfdisk
    lsof
    lvm2
    mdadm
    nano
    ntfs3g
    nvme-cli
    parted
    pciutils
    rsync
    smartmontools
    strace
    tcpdump
    testdisk
    thin-provisioning-tools
    tmux
    usbutils
    vim
    xfsprogs
    xz
    zstd
  ];

  services.openssh = {
    enable = true;
    startWhenNeeded = false;
    settings = {
      PermitRootLogin = "prohibit-password";
      PasswordAuthentication = false;
      KbdInteractiveAuthentication = false;
    };
  };
  services.getty.autologinUser = lib.mkForce "root";
  users.users.root.initialHashedPassword = lib.mkForce "!*";

  networking = {
    hostName = "emergency";
    useDHCP = false;
    useNetworkd = true;
    firewall.enable = false;
    # The identity brings resolv.conf; nothing else may write it.
    resolvconf.enable = false;
  };
  systemd.network.enable = true;
  systemd.network.wait-online.enable = false;
  # Where the identity says nothing. It masks this file by one of the same name.
  systemd.network.networks."89-ekexec-default" = {
    matchConfig = {
      Type = "ether";
      Kind = "!*";
    };
    networkConfig = {
      DHCP = "yes";
      LinkLocalAddressing = "ipv6";
    };
  };

  documentation.enable = lib.mkForce false;
  nix.enable = lib.mkDefault false;
  system.stateVersion = lib.mkDefault lib.trivial.release;
}
