"""The hardening layer: what production needs around an application, whatever the application is."""
