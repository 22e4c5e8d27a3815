# Brings the identity layer to its places. The layer is a tree below /ekexec in the initrd, laid out like the root it is
# for; a unit of stage 1 copies it there before the roots are switched. No shell takes part.
{
  config,
  lib,
  pkgs,
  ...
}:
{
  boot.initrd.systemd = {
    enable = true;
    storePaths = [ "${pkgs.coreutils}/bin/cp" ];
    services.ekexec-identity = {
      description = "Identity of the machine this system stands in for";
      wantedBy = [ "initrd.target" ];
      after = [ "initrd-fs.target" ];
      before = [
        "initrd.target"
        "initrd-switch-root.target"
        "shutdown.target"
      ];
      conflicts = [ "shutdown.target" ];
      unitConfig = {
        DefaultDependencies = false;
        RequiresMountsFor = "/sysroot";
        ConditionPathIsDirectory = "/ekexec";
      };
      serviceConfig = {
        Type = "oneshot";
        RemainAfterExit = true;
        ExecStart = [
          "${pkgs.coreutils}/bin/cp --archive --no-target-directory /ekexec/etc /sysroot/etc"
          "${pkgs.coreutils}/bin/cp --archive --no-target-directory /ekexec/root /sysroot/root"
          # /run is carried over as it is; networkd reads units there, and they come before those of /etc/static.
          "-${pkgs.coreutils}/bin/cp --archive --no-target-directory /ekexec/run /run"
        ];
      };
    };
  };

  # Ports, host keys and certificates as the target had them.
  services.openssh.hostKeys = lib.mkForce [ ];
  services.openssh.ports = lib.mkForce [ ];
  services.openssh.extraConfig = lib.mkBefore ''
    Include /etc/ssh/sshd_config.d/*.conf
  '';
  assertions = [
    {
      assertion = config.systemd.network.enable;
      message = "ekexec's identity is made of units for systemd-networkd: set systemd.network.enable.";
    }
  ];
}
