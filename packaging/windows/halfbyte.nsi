; Per-user installer: no administrator, start menu, "Open with" for .gguf, uninstall. packaging/windows.py defines
; VERSION, APP (the frozen folder), OUTPUT and SIZE_KIB.
Unicode true
SetCompressor /SOLID lzma
RequestExecutionLevel user
Name "Halfbyte"
OutFile "${OUTPUT}"
InstallDir "$LOCALAPPDATA\Programs\Halfbyte"
InstallDirRegKey HKCU "Software\Halfbyte" "InstallDir"
VIProductVersion "${VERSION}.0"
VIAddVersionKey "ProductName" "Halfbyte"
VIAddVersionKey "FileDescription" "Halfbyte setup"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "LegalCopyright" "The Halfbyte authors, Apache-2.0"

!include MUI2.nsh
!define UNINSTALL "Software\Microsoft\Windows\CurrentVersion\Uninstall\Halfbyte"
!define MUI_ABORTWARNING
!define MUI_FINISHPAGE_RUN "$INSTDIR\halfbyte.exe"
!insertmacro MUI_PAGE_DIRECTORY
!insertmacro MUI_PAGE_INSTFILES
!insertmacro MUI_PAGE_FINISH
!insertmacro MUI_UNPAGE_CONFIRM
!insertmacro MUI_UNPAGE_INSTFILES
!insertmacro MUI_LANGUAGE "English"

Section "Halfbyte"
  SetOutPath "$INSTDIR"
  RMDir /r "$INSTDIR\_internal" ; what an older version left
  File /r "${APP}/*"
  WriteUninstaller "$INSTDIR\uninstall.exe"
  CreateShortcut "$SMPROGRAMS\Halfbyte.lnk" "$INSTDIR\halfbyte.exe"
  WriteRegStr HKCU "Software\Halfbyte" "InstallDir" "$INSTDIR"

  ; Listed under "Open with" for .gguf; the person's own default stays as it is.
  WriteRegStr HKCU "Software\Classes\Halfbyte.gguf" "" "Language model (GGUF)"
  WriteRegStr HKCU "Software\Classes\Halfbyte.gguf\DefaultIcon" "" "$INSTDIR\halfbyte.exe,0"
  WriteRegStr HKCU "Software\Classes\Halfbyte.gguf\shell\open\command" "" '"$INSTDIR\halfbyte.exe" "%1"'
  WriteRegStr HKCU "Software\Classes\.gguf\OpenWithProgids" "Halfbyte.gguf" ""

  WriteRegStr HKCU "${UNINSTALL}" "DisplayName" "Halfbyte"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayVersion" "${VERSION}"
  WriteRegStr HKCU "${UNINSTALL}" "DisplayIcon" "$INSTDIR\halfbyte.exe"
  WriteRegStr HKCU "${UNINSTALL}" "Publisher" "The Halfbyte authors"
  WriteRegStr HKCU "${UNINSTALL}" "UninstallString" '"$INSTDIR\uninstall.exe"'
  WriteRegStr HKCU "${UNINSTALL}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
  WriteRegDWORD HKCU "${UNINSTALL}" "EstimatedSize" ${SIZE_KIB}
  WriteRegDWORD HKCU "${UNINSTALL}" "NoModify" 1
  WriteRegDWORD HKCU "${UNINSTALL}" "NoRepair" 1
SectionEnd

; Models and conversations lie in the data folder and stay, unless the person says otherwise; a silent removal keeps them.
Section "Uninstall"
  MessageBox MB_YESNO|MB_DEFBUTTON2|MB_ICONQUESTION "Delete your models, conversations and settings too? They cannot be \
    brought back. With No they stay for a later installation." /SD IDNO IDNO keep
  ExecWait '"$INSTDIR\halfbyte.exe" data delete --yes'
  keep:
  Delete "$SMPROGRAMS\Halfbyte.lnk"
  Delete "$INSTDIR\halfbyte.exe"
  Delete "$INSTDIR\halfbyte-worker.exe"
  Delete "$INSTDIR\uninstall.exe"
  RMDir /r "$INSTDIR\_internal"
  RMDir "$INSTDIR"
  DeleteRegValue HKCU "Software\Classes\.gguf\OpenWithProgids" "Halfbyte.gguf"
  DeleteRegKey HKCU "Software\Classes\Halfbyte.gguf"
  DeleteRegKey HKCU "${UNINSTALL}"
  DeleteRegKey HKCU "Software\Halfbyte"
SectionEnd
